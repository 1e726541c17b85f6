import CofferHooks
import CofferRepository
import CofferSystem

/// Reads dumps of an archive into what restores them.
struct DumpReplay {
  let reader: ArchiveReader
  let hooks: HookContext
  let cancellation: Cancellation
  let progress: ReadingProgress
  /// Sees the bytes of a stream as they are written for the first time.
  var observer: (any ByteSink)?

  /// Restores one dump.
  ///
  /// - Parameter later: What is restored after it in the same run.
  /// - Returns: The restore, which is at its end but for what has to wait for others; and its warnings.
  /// - Throws: What reading and restoring throw; the restore is abandoned then.
  func run(
    _ restore: any PlannedRestore, of dump: ArchiveDump, before later: [any PlannedRestore] = []
  ) throws -> (running: any RunningRestore, warnings: [String]) {
    let title = dump.identity.title
    var folder: String?
    if restore.wantsFolder {
      progress.begin("\(title), bringing its files back", total: dump.record.bytes)
      folder = try extractFolder(dump)
    }
    var stream: StreamReference?
    if folder == nil, case .file(let reference)? = dump.items.first?.content { stream = reference }
    if let stream, !restore.isReversible {
      progress.begin("\(title), reading it before anything is changed", total: stream.size)
      try reader.read(stream, into: progress.counting(DiscardingSink()), cancellation: cancellation)
    }
    progress.begin("\(title), restoring", total: stream.map { Self.size(of: restore.parts, $0) } ?? 0)
    let running = try restore.start(folder: folder, before: later, context: hooks)
    do {
      var sink: any ByteSink = observer.map { WatchedSink(running, $0) } ?? running
      repeat {
        guard let stream else { continue }
        progress.begin("\(title), restoring", total: Self.size(of: restore.parts, stream))
        try read(restore.parts, of: stream, into: progress.counting(sink))
        sink = running
      } while try running.endPass()
    } catch {
      running.abandon()
      throw error
    }
    return (running, try running.finish())
  }

  private static func size(of parts: [Range<UInt64>]?, _ stream: StreamReference) -> UInt64 {
    parts?.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } ?? stream.size
  }

  private func read(_ parts: [Range<UInt64>]?, of stream: StreamReference, into sink: any ByteSink) throws {
    guard let parts else { return try reader.read(stream, into: sink, cancellation: cancellation) }
    for part in parts { try reader.read(part, of: stream, into: sink, cancellation: cancellation) }
  }

  /// Brings a dump of many files back into the run's own folder.
  private func extractFolder(_ dump: ArchiveDump) throws -> String {
    let extractor = FileExtractor(into: hooks.runtime.folder)
    let name = EntryName("restore-\(UInt32.random(in: 0 ... .max))")
    let depth = dump.path.utf8.split(separator: UInt8(ascii: "/")).count
    var expected = 0
    for (number, item) in dump.items.enumerated() {
      if number >= expected { expected = number + (try reader.expect(dump.items[number...])) }
      let below = item.path.bytes.split(separator: UInt8(ascii: "/")).dropFirst(depth)
      let parts = [name] + below.map { EntryName(bytes: $0) }
      try extractor.extract(item, parts: parts) { sink in
        if case .file(let stream) = item.content {
          try reader.read(stream, into: progress.counting(sink), cancellation: cancellation)
        }
      }
    }
    // A restore of what is there of it would be told of as one of all.
    let missing = extractor.lost.errors.filter(\.isMissing)
    if !missing.isEmpty { throw SeveralErrors(missing) }
    return hooks.runtime.folder.path(of: name)
  }
}

/// Gives everything to two others.
private final class WatchedSink: ByteSink {
  private let sink: any ByteSink
  private let observer: any ByteSink

  init(_ sink: any ByteSink, _ observer: any ByteSink) {
    self.sink = sink
    self.observer = observer
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try observer.write(bytes)
    try sink.write(bytes)
  }
}
