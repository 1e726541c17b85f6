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
  ///   - paths: Those of the items in the tar archive, in the same order, before what `strip` leaves out of them.
  ///   - tell: Told each path that is written.
  /// - Returns: How many items were written, and what is damaged and was left out; nil when that is nothing.
  /// - Throws: `Broken`; `UsageError` when there is nothing to write, before anything is; what the sink throws.
  func write(
    _ items: [ArchiveItem], at paths: [ItemPath], _ strip: Extraction.Strip, into sink: any ByteSink,
    tell: (ItemPath) -> Void
  ) throws -> (count: Int, damage: NotExtracted?) {
    let writer = TarWriter(sink)
    let progress = try ReadingProgress(context)
    defer { progress.stop() }
    progress.begin("", total: items.reduce(0) { $0.addingClamped($1.content.stream?.size ?? 0) })
    var damaged: [(path: String, cause: any Error)] = []
    var sockets: [ItemPath] = []
    var count = 0
    var taken: Set<ItemPath> = []
    var replaced: [ItemPath] = []
    var expected = 0
    for (number, item) in items.enumerated() {
      try context.cancellation.check()
      guard let parts = strip.parts(of: paths[number], isFolder: item.content == .directory) else { continue }
      guard parts.allSatisfy(\.isOnePart) else {
        damaged.append((item.path.text, UnfitPath(path: item.path.text)))
        continue
      }
      guard item.content != .socket else {
        sockets.append(item.path)
        continue
      }
      let path = ItemPath(bytes: Array(parts.map(\.bytes).joined(separator: [UInt8(ascii: "/")])))
      progress.name(path.text)
      if number >= expected { expected = number + (try reader.expect(items[number...])) }
      do {
        try add(item, at: path, to: writer, progress)
        tell(path)
        count += 1
        if item.content != .directory, !taken.insert(path).inserted { replaced.append(path) }
      } catch let error as Damaged {
        damaged.append((item.path.text, error.cause))
      }
    }
    guard count > 0 || !damaged.isEmpty else { throw Self.nothingLeft(isOfSockets: !sockets.isEmpty) }
    try writer.finish()
    warn(of: replaced, "Several items have this path, and the last of them counts")
    warn(of: sockets, "A socket, which tar archives cannot hold, was left out")
    return (count, damaged.first.map { NotExtracted(paths: damaged.map(\.path), first: Diagnosis(of: $0.cause)) })
  }

  private func warn(of paths: [ItemPath], _ problem: String) {
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
