import CofferRepository
import CofferStorage
import CofferSystem
import Glibc

/// `extract`: writes files of an archive, dumps too, to disk; databases are left alone.
enum ExtractAction {
  private static let destination = Flag<String?>(
    "--destination", value: "FOLDER",
    help: "Write below this folder, which is made if it is missing. Default: the current one.")
  static let strip = Flag<Extraction.Strip>(
    "--strip-components", value: "N", Extraction.Strip.parser, default: .count(0),
    help: "Leave out the first N parts of each path; 'all' keeps only the last.")

  static let declaration = ActionDeclaration(
    "extract", "-x", abstract: "Write files, or dumps as files, to disk.",
    discussion: "Files appear under their names only when they are whole. Nothing is written outside the destination.",
    flags: [
      SharedFlags.archive, SharedFlags.at, SharedFlags.repository, SharedFlags.matchArchives,
      ItemFlags.path,
    ] + ItemFlags.exclusion + [SelectionFlags.database, destination, strip, SharedFlags.progress]
      + SelectionFlags.origin,
    examples: [
      "coffer extract --archive latest --database shop --strip-components all",
      "coffer extract --archive latest --path etc/hosts --destination /tmp",
      "coffer extract --archive latest --path 'sh:home/**/*.jpg' --exclude '*/thumbnails' --destination /tmp",
      "coffer extract --archive latest --path coffer --strip-components all",
    ], run: run)

  private static func run(_ context: ActionContext) throws {
    let parts = context.flags[strip]
    let folder = context.flags[destination] ?? context.surroundings.currentFolder
    try context.forEachRepository { location in
      let access = try context.open(location, forData: true)
      let archive = try access.archive(context.wantedArchive(), try context.archiveFilter())
      let isNarrow = !context.flags[ItemFlags.path].isEmpty || SelectionFlags.selection(context).isNarrow
      let reader = try access.repository.reader(forDataOf: isNarrow ? nil : archive)
      let items = try ChosenItems(of: archive, reader, context)
      // Nothing is written of a list that cannot be read to its end.
      let (size, missing) = try items.survey()
      context.tellMissing(from: archive)
      try SeveralErrors.gathering(missing) {
        try Extraction(context, reader).run(size: size, to: folder, parts: parts, held: items.held) { extract in
          try items.forEach { item, _ in try extract(item) }
        }
      }
    }
  }
}

/// Files that the repository does not give back whole; all others were written.
struct NotExtracted: DiagnosableError, Equatable {
  /// The first of them.
  fileprivate(set) var paths: [String]
  fileprivate(set) var count: Int
  /// What was wrong with the first.
  let first: Diagnosis

  var diagnosis: Diagnosis {
    let others = count > paths.count ? ["and \(count - paths.count) more"] : []
    return Diagnosis(
      subject: first.subject,
      problem: "\(first.problem). \(count) files were not extracted:\n  \((paths + others).joined(separator: "\n  "))",
      suggestion: first.suggestion)
  }
}

/// Files that the repository does not give back, as they are come upon.
struct DamagedItems {
  private(set) var error: NotExtracted?
  var errors: [any Error] { error.map { [$0] } ?? [] }

  /// Paths that are told: of more of them a person reads no line.
  private static let told = 10_000

  mutating func add(_ path: ItemPath, _ cause: any Error) {
    guard error != nil else {
      error = NotExtracted(paths: [path.text], count: 1, first: Diagnosis(of: cause))
      return
    }
    error?.count += 1
    if let count = error?.paths.count, count < Self.told { error?.paths.append(path.text) }
  }
}

/// Writes chosen items below a folder.
struct Extraction {
  enum Strip: Sendable {
    case count(Int)
    case all

    static let parser = FlagParser<Strip>("a number or 'all'") { text in
      text.isSame(as: "all") ? .all : Int(text).flatMap { $0 >= 0 ? .count($0) : nil }
    }

    /// What is left of a path; nil when nothing is.
    func parts(of path: ItemPath, isFolder: Bool = false) -> [EntryName]? {
      let all = path.bytes.split(separator: UInt8(ascii: "/")).map { EntryName(bytes: $0) }
      let left: ArraySlice<EntryName> =
        switch self {
        case .count(let count): all.dropFirst(count)
        case .all: isFolder ? [] : all.suffix(1)
        }
      return left.isEmpty ? nil : Array(left)
    }
  }

  private let context: ActionContext
  private let reader: ArchiveReader

  init(_ context: ActionContext, _ reader: ArchiveReader) {
    self.context = context
    self.reader = reader
  }

  private static func brokenOff(behind last: ItemPath?) -> Diagnosis {
    guard let last else { return Diagnosis(subject: "extract", problem: "Nothing was extracted", suggestion: nil) }
    return Diagnosis(
      subject: last.text,
      problem: "It is the last that could be read of the archive's list: what stands behind it there was not extracted",
      suggestion: "See all that the archive holds with 'coffer list --archive'")
  }

  /// - Parameters:
  ///   - size: Bytes of all items' content.
  ///   - held: What is counted in what is remembered of items.
  ///   - items: Calls its argument with each item.
  func run(
    size: UInt64, to folder: String, parts strip: Strip, held: HeldItems? = nil,
    of items: ((ArchiveItem) throws -> Void) throws -> Void
  ) throws {
    if context.isDryRun {
      return try items { context.console.answer("Would extract \(Quoting.terminal($0.path.text))") }
    }
    let path = UserPath.absolute(folder, from: context.surroundings.currentFolder, home: nil)
    let extractor = FileExtractor(into: try Folder.trusted(path, .links, makingWith: 0o700), held: held)
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    progress.begin("", total: size)
    let writer = ItemWriter(extractor)
    var last: ItemPath?
    do {
      try items { item in
        last = item.path
        try context.cancellation.check()
        guard let parts = strip.parts(of: item.path, isFolder: item.content == .directory) else { return }
        context.console.step(Quoting.terminal(item.path.text))
        progress.name(item.path.text)
        try writer.write(item, parts: parts) { sink in
          if case .file(let stream) = item.content {
            try reader.read(stream, into: progress.counting(sink), cancellation: context.cancellation)
          }
        }
      }
      try writer.settle()
    } catch {
      // What was read until then is written and gets what it is to have, and what was damaged is told; nothing of that hides what has
      // ended it.
      if error is RepositoryError || error is StorageError {
        do { try writer.settle() } catch let other { context.console.error(Diagnosis(of: other)) }
        context.console.error(Self.brokenOff(behind: last))
      }
      writer.stop()
      do { try extractor.finish() } catch let other { context.console.error(Diagnosis(of: other)) }
      for error in writer.damaged.errors + extractor.lost.errors { context.console.error(Diagnosis(of: error)) }
      throw error
    }
    try extractor.finish()
    let count = writer.count
    context.console.remark("Extracted \(count) \(count == 1 ? "item" : "items") to \(path)")
    let errors = writer.damaged.errors + extractor.lost.errors
    if !errors.isEmpty { throw SeveralErrors(errors) }
  }
}
