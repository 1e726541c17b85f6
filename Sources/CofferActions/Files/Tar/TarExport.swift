import CofferRepository
import CofferStorage
import CofferSystem

/// Writes items of an archive as a tar archive.
struct TarExport {
  /// A file's content is damaged behind its header, which has said how long it is.
  struct Broken: DiagnosableError, Equatable {
    let path: String
    let cause: Diagnosis

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: path, problem: "\(cause.problem). The tar archive ends within this file and is not whole",
        suggestion:
          "Leave the file out with --exclude \(Quoting.pastedWord("pf:" + path)), or write everything else to a "
          + "folder with 'coffer extract'")
    }
  }

  /// A path that no program that reads tar archives is given.
  struct UnfitPath: DiagnosableError, Equatable {
    let path: String

    var diagnosis: Diagnosis {
      Diagnosis(subject: path, problem: "The path leads out of the folder that it is extracted to", suggestion: nil)
    }
  }

  let context: ActionContext
  let reader: ArchiveReader

  /// Content up to this is read before its header is written, so that what is damaged of it keeps nothing else out.
  private static let readFirst: UInt64 = 1 << 20

  /// - Parameters:
  ///   - size: Bytes of all items' content.
  ///   - strip: What is left out of the paths that items are shown at.
  ///   - tell: Told each path that is written.
  /// - Returns: How many items were written, and what is damaged and was left out; nil when that is nothing.
  /// - Throws: `Broken`; `UsageError` when there is nothing to write, before anything is; what the sink throws.
  func write(
    _ items: ChosenItems, size: UInt64, _ strip: Extraction.Strip, into sink: any ByteSink, tell: (ItemPath) -> Void
  ) throws -> (count: Int, damage: NotExtracted?) {
    let writer = TarWriter(sink, held: items.held)
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    progress.begin("", total: size)
    var damaged = DamagedItems()
    var sockets = Told()
    var count = 0
    // Hashes take a tenth of what paths do. That two paths have the same one is no more likely than a broken processor, and is a
    // warning too much.
    var taken: Set<Int> = []
    var replaced = Told()
    try items.forEach { item, shown in
      try context.cancellation.check()
      guard let parts = strip.parts(of: shown, isFolder: item.content == .directory) else { return }
      guard parts.allSatisfy(\.isOnePart) else {
        damaged.add(item.path, UnfitPath(path: item.path.text))
        return
      }
      guard item.content != .socket else { return sockets.add(item.path) }
      let path = ItemPath(bytes: WrittenPlace.bytes(of: parts))
      progress.name(path.text)
      do {
        try add(item, at: path, to: writer, progress)
        tell(path)
        count += 1
        if item.content != .directory, !taken.insert(path.hashValue).inserted { replaced.add(path) }
      } catch let error as Damaged {
        damaged.add(item.path, error.cause)
      }
    }
    guard count > 0 || damaged.error != nil else { throw Self.nothingLeft(isOfSockets: sockets.first != nil) }
    try writer.finish()
    warn(of: replaced, "Several items have this path, and the last of them counts")
    warn(of: sockets, "A socket, which tar archives cannot hold, was left out")
    return (count, damaged.error)
  }

  /// Paths of which the first is told, and how many there are.
  private struct Told {
    private(set) var first: ItemPath?
    private(set) var count = 0

    mutating func add(_ path: ItemPath) {
      first = first ?? path
      count += 1
    }
  }

  private func warn(of paths: Told, _ problem: String) {
    guard let first = paths.first else { return }
    let others = paths.count > 1 ? "; \(paths.count - 1) others likewise" : ""
    context.console.warning("\(first.text): \(problem)\(others)")
  }

  private static func nothingLeft(isOfSockets: Bool) -> UsageError {
    if isOfSockets {
      return UsageError(
        argument: "export-tar", problem: "What is left is sockets, which tar archives cannot hold",
        suggestion: "Choose other items")
    }
    return UsageError(
      argument: "--strip-components", problem: "Nothing is left of any path", suggestion: "Give it a smaller number")
  }

  /// Content that could not be read before anything was written of it.
  private struct Damaged: Error {
    let cause: any Error
  }

  private func add(
    _ item: ArchiveItem, at path: ItemPath, to writer: TarWriter, _ progress: ReadingProgress
  ) throws {
    guard let stream = item.content.stream, !writer.hasWritten(item) else {
      return try writer.add(item, at: path.bytes) { _ in }
    }
    guard stream.size > Self.readFirst else {
      let content = MemorySink()
      do {
        try reader.read(stream, into: progress.counting(content), cancellation: context.cancellation)
      } catch let error where error is RepositoryError || error is StorageError {
        throw Damaged(cause: error)
      }
      return try writer.add(item, at: path.bytes) { sink in try content.bytes.withUnsafeBytes { try sink.write($0) } }
    }
    try writer.add(item, at: path.bytes) { sink in
      do {
        try reader.read(stream, into: progress.counting(sink), cancellation: context.cancellation)
      } catch let error where error is RepositoryError || error is StorageError {
        throw Broken(path: item.path.text, cause: Diagnosis(of: error))
      }
    }
  }
}
