import CofferSystem

/// A part of a log whose blocks threads read, hash and compress, while something else is done: while the repository for it is opened, and
/// while the blocks that are ready are sealed.
///
/// Whoever forgets it ends it: its threads finish the block that they are at.
public final class CompressingLogPart: Sendable {
  /// Gives some of a part's bytes, by several threads at the same time: fills the room with those from a place on.
  public typealias Reading = @Sendable (_ start: Int, _ room: UnsafeMutableRawBufferPointer) throws -> Void

  private struct Line {
    /// Which is taken up next.
    var next = 0
    var done: [Int: CompressedLogPart.Block] = [:]
    var failure: (any Error)?

    mutating func take(of count: Int) -> Int? {
      guard failure == nil, next < count else { return nil }
      next += 1
      return next - 1
    }
  }

  /// Bytes, not compressed.
  let size: Int
  private let line = Monitor(Line())
  private let work: @Sendable () -> Void
  /// Empty where there are none to be had: then whoever waits for a block does the work.
  private let threads: [WorkerThread]

  /// Threads that work on the blocks of one part at most.
  private static let threadLimit = 3

  /// Begins. When this returns its threads are there: none can be had while a library is loaded, which opening a repository may do.
  ///
  /// - Parameters:
  ///   - level: zstd's.
  ///   - workers: Threads that may read and compress.
  ///   - read: What it throws is what whoever waits for a block is told.
  public convenience init(
    _ part: LogPart, compressionLevel level: Int, workers: Int, reading read: @escaping Reading
  ) {
    self.init(part, compressionLevel: level, workers: workers, reading: read) { body throws(SystemError) in
      try WorkerThread(name: "log", body)
    }
  }

  /// - Parameter start: Starts a thread, or stands for it in a test.
  init(
    _ part: LogPart, compressionLevel level: Int, workers: Int, reading read: @escaping Reading,
    start: (@escaping @Sendable () -> Void) throws(SystemError) -> WorkerThread
  ) {
    let (line, size, content) = (line, part.size, part.content)
    self.size = size
    // Each block is read, hashed and compressed by one thread: it stays in that one's memory and its processor's cache.
    work = {
      do {
        let compressor = try LogBlockCompressor(level: level, of: content)
        let memory = OwnedMemory(capacity: min(size, LogDirectory.blockSize))
        let count = LogDirectory.blockCount(ofSize: size)
        while let number = line.update({ $0.take(of: count) }) {
          let room = UnsafeMutableRawBufferPointer(
            rebasing: memory.bytes[..<LogDirectory.plainLength(ofBlock: number, size: size)])
          try read(number * LogDirectory.blockSize, room)
          let block = try compressor.compress(UnsafeRawBufferPointer(room))
          line.update { $0.done[number] = block }
        }
      } catch {
        line.update { $0.failure = $0.failure ?? error }
      }
    }
    var threads: [WorkerThread] = []
    for _ in 0..<min(workers, Self.threadLimit, LogDirectory.blockCount(ofSize: size)) {
      guard let thread = try? start(work) else { break }
      threads.append(thread)
    }
    self.threads = threads
  }

  deinit {
    cancel()
  }

  var blockCount: Int { LogDirectory.blockCount(ofSize: size) }

  /// Waits for a block.
  ///
  /// - Throws: The first failure; `CompressionError`, `SelfCheckFailed`.
  func block(_ number: Int) throws -> CompressedLogPart.Block {
    if threads.isEmpty, line.update({ $0.next == 0 }) { work() }
    return try line.wait(until: { $0.done[number] != nil || $0.failure != nil }) { line in
      guard let block = line.done[number] else { throw line.failure ?? RunCancelled() }
      return block
    }
  }

  /// Waits for all of it.
  ///
  /// - Throws: What reading it throws; `CompressionError`, `SelfCheckFailed`; `RunCancelled` after `stop`.
  func whole() throws -> CompressedLogPart {
    try CompressedLogPart(size: size, blocks: (0..<blockCount).map { try block($0) })
  }

  /// Ends it, where nobody wants it any more, and waits for its threads.
  public func stop() {
    cancel()
    for thread in threads { thread.join() }
  }

  private func cancel() {
    line.update { $0.failure = $0.failure ?? RunCancelled() }
  }
}
