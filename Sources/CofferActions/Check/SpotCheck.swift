import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// How much `spot` lets files on the disk differ from those of the newest archive; all in per cent.
struct SpotTolerances: Sendable, Equatable {
  /// Of the number of files.
  let count: Double
  /// How many of the files are compared.
  let sample: Double
  /// Of the files that are compared.
  let data: Double

  /// - Returns: nil when the section does not say all three.
  init?(_ section: ConfigurationSection) {
    guard let count = section[CheckOptions.countTolerance], let sample = section[CheckOptions.dataSample],
      let data = section[CheckOptions.dataTolerance]
    else { return nil }
    (self.count, self.sample, self.data) = (count, sample, data)
  }

  /// `spot` was asked for without saying how much may differ.
  static let missing = UsageError(
    argument: "spot", problem: "It does not say how much may differ",
    suggestion: "Give count_tolerance_percentage, data_sample_percentage and data_tolerance_percentage below 'checks'")
}

/// Compares the files of the configuration's sources, as they are on the disk now, with the newest archive: how many there
/// are, and of some of them every byte.
struct SpotCheck {
  private let context: ActionContext
  private let access: OpenRepository
  private let tolerances: SpotTolerances

  /// Paths that are named when files differ.
  private static let namedCount = 10

  init(_ context: ActionContext, _ access: OpenRepository, _ tolerances: SpotTolerances) throws {
    // More than was compared cannot differ.
    guard tolerances.sample >= tolerances.data else {
      throw UsageError(
        argument: "spot", problem: "data_tolerance_percentage is larger than data_sample_percentage",
        suggestion: "Let fewer files differ than are compared")
    }
    self.context = context
    self.access = access
    self.tolerances = tolerances
  }

  /// - Throws: `SpotFailure` when more differs than may; what reading the archive throws.
  func run() throws {
    let location = access.location.path
    let selection = try SourceSelection(
      context.root, folder: context.folder, home: context.surroundings.environment.home,
      repositories: context.repositories.compactMap { $0.folder(context) })
    guard !selection.roots.isEmpty else {
      return context.console.warning(
        "\(location): 'spot' compares files, and this configuration backs up none. Whether databases come back is seen "
          + "by restoring them; 'data' reads every stored byte of their dumps")
    }
    let filter = try context.archiveFilter()
    guard let archive = try access.repository.archives().last(where: { try filter.sees($0) && $0.standing != .void })
    else {
      return context.console.remark("\(location): No archive to compare with for 'spot'")
    }
    let sources = try files(of: selection)
    let reader = try access.repository.reader()
    let storedCount = try count(of: archive, reader, besides: sources)
    let difference = percentage(abs(sources.count - storedCount), of: max(sources.count, 1))
    guard difference <= tolerances.count else {
      throw SpotFailure(
        repository: location,
        problem: "There are \(sources.count) files to back up, and \(storedCount) in archive \(archive.name): "
          + "\(Self.text(difference)) differ, more than count_tolerance_percentage lets")
    }
    let compared = try sources.sample(ofPercent: tolerances.sample, context.surroundings.random)
    let differing = try differing(compared, of: sources, archive, reader)
    let share = percentage(differing.count, of: max(compared.count, 1))
    guard share <= tolerances.data else {
      let names = differing.prefix(Self.namedCount).map { Quoting.terminal(sources.place(of: $0).text) }
      throw SpotFailure(
        repository: location,
        problem:
          "\(differing.count) of \(compared.count) files differ from archive \(archive.name) (\(Self.text(share))), "
          + "more than data_tolerance_percentage lets: \(names.joined(separator: ", "))"
          + (differing.count > names.count ? ", ..." : ""))
    }
    context.console.step(
      "\(location): \(compared.count) of \(sources.count) files were compared with archive \(archive.name), "
        + "\(differing.count) of them differ. Databases were not compared: that takes a restore")
  }

  private func percentage(_ part: Int, of whole: Int) -> Double { Double(part) / Double(whole) * 100 }

  private static func text(_ percentage: Double) -> String { String(printf: "%.1f %%", percentage) }

  private func files(of selection: SourceSelection) throws -> SpotSources {
    var files = SpotSources()
    let roots = Set(selection.roots.map { ItemPath(bytes: $0.archivePath) })
    let walker = SourceWalker(rules: selection.rules, roots: roots) { event in
      try context.cancellation.check()
      switch event {
      case .item(let found, let place) where found.kind == .file: files.add(place)
      case .failed(let error): throw error
      default: break
      }
    }
    for root in selection.roots {
      files.begin(root)
      try walker.walk(root)
    }
    files.sort()
    return files
  }

  /// How many of the archive's files come from sources: neither dumps nor, unless they are among the sources, configuration
  /// files.
  private func count(of archive: Archive, _ reader: ArchiveReader, besides sources: SpotSources) throws -> Int {
    let place = ItemPath(BootstrapManifest.path)
    var manifest: StreamReference?
    var count = 0
    try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
      if item.path == place { manifest = item.content.stream }
      if item.content.stream != nil, !item.path.isOwn { count += 1 }
    }
    let bundled = try manifest.map { Set(try configurationFiles($0, reader)) } ?? []
    let others = bundled.filter { sources.number(at: $0) == nil }
    guard !others.isEmpty else { return count }
    try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
      if item.content.stream != nil, !item.path.isOwn, others.contains(item.path) { count -= 1 }
    }
    return count
  }

  /// Compares files with what the archive has of them.
  ///
  /// - Returns: Those that differ, and those that it does not have.
  /// - Throws: What reading the archive throws: that is no difference but damage.
  private func differing(
    _ numbers: [Int], of sources: SpotSources, _ archive: Archive, _ reader: ArchiveReader
  ) throws -> [Int] {
    var isSame = [Bool](repeating: false, count: sources.count)
    var isWanted = isSame
    for number in numbers { isWanted[number] = true }
    try reader.forEachItem(of: archive, cancellation: context.cancellation) { item in
      guard let stream = item.content.stream, let number = sources.number(at: item.path), isWanted[number]
      else { return }
      isSame[number] = try self.isSame(sources.path(of: number), as: item, stream, reader)
    }
    return numbers.filter { !isSame[$0] }
  }

  /// A manifest that makes no sense names nothing: two or three files more then count.
  private func configurationFiles(_ stream: StreamReference, _ reader: ArchiveReader) throws -> [ItemPath] {
    let sink = MemorySink()
    try reader.read(stream, into: sink, cancellation: context.cancellation)
    let manifest = try? JSONDecoder().decode(BootstrapManifest.self, from: Data(sink.bytes))
    return manifest?.configPaths.map { ItemPath($0).withoutLeadingSlash } ?? []
  }

  /// - Throws: What reading the archive throws.
  private func isSame(
    _ path: [UInt8], as stored: ArchiveItem, _ stream: StreamReference, _ reader: ArchiveReader
  ) throws -> Bool {
    do {
      let content = try FoundFile(path).content(withHoles: true)
      guard UInt64(clamping: content.facts.st_size) == stored.size else { return false }
      let sink = ComparingSink(content, stored.extras.extents)
      try reader.read(stream, into: sink, cancellation: context.cancellation)
      return try sink.isAtEnd()
    } catch is ComparingSink.Different {
      return false
    } catch is SystemError {
      return false  // It went, or cannot be read: nothing of it is as it was.
    }
  }
}

/// Compares what is written to it with a file, where the archive has holes with zeros.
private final class ComparingSink: ByteSink {
  /// The file on the disk is not what the archive has.
  struct Different: Error {}

  private let source: FileSource
  /// Of a file with holes.
  private var walk: StretchWalk?
  private let size: UInt64
  private var buffer: [UInt8] = []
  private var compared: UInt64 = 0

  private static let zeros = [UInt8](repeating: 0, count: 1 << 16)

  init(_ source: FileSource, _ extents: FileExtents?) {
    self.source = source
    walk = extents.map(StretchWalk.init)
    size = extents?.size ?? 0
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard var walk else { return try compare(bytes) }
    guard try walk.take(bytes, hole: compareZeros, data: compare) else { throw Different() }
    self.walk = walk
  }

  private func compareZeros(_ count: UInt64) throws {
    var rest = count
    try Self.zeros.withUnsafeBytes { zeros in
      while rest > 0 {
        let piece = Int(min(rest, UInt64(zeros.count)))
        try compare(UnsafeRawBufferPointer(rebasing: zeros[..<piece]))
        rest -= UInt64(piece)
      }
    }
  }

  private func compare(_ bytes: UnsafeRawBufferPointer) throws {
    compared += UInt64(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      if buffer.count < rest.count { buffer = [UInt8](repeating: 0, count: rest.count) }
      let count = try buffer.withUnsafeMutableBytes { space in
        try source.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<rest.count]))
      }
      guard count > 0, buffer[..<count].elementsEqual(rest.prefix(count)) else { throw Different() }
      rest = rest.dropFirst(count)
    }
  }

  func isAtEnd() throws -> Bool {
    if walk != nil { try compareZeros(size - min(compared, size)) }
    return try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { try source.read(into: $0) } == 0
  }
}

/// Files differ from the newest archive by more than they may.
struct SpotFailure: DiagnosableError, Equatable {
  let repository: String
  let problem: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)", problem: problem,
      suggestion: "See whether so much has changed since the archive was made; if so, make a backup, or allow for more")
  }
}
