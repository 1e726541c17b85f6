import CofferSystem
import FoundationEssentials

/// Puts an object of a log together in memory: compresses and seals its segments, opens each again, and signs what they are.
final class LogObjectBuilder {
  private let context: RepositoryContext
  private let headerBytes: [UInt8]
  private let makeCoder: @Sendable () throws -> LogBlockCoder
  /// Of this thread; made when it is needed.
  private var coder: LogBlockCoder?
  private let cipher: AuthenticatedCipher
  private var content: [UInt8] = []
  private var blockCount = 0
  private(set) var segments: [LogDirectory.Segment] = []

  /// Threads that code the blocks of one segment at most: beside them one reads and hashes.
  private static let coders = 2

  init(_ context: RepositoryContext, level: Int, of blockContent: BlockContent = .any) throws {
    self.context = context
    let (header, key) = try LogHeader.make(
      suite: context.suite, dataPublic: context.keys.dataPublic, random: context.random)
    headerBytes = header.encoded
    makeCoder = { try LogBlockCoder(header, key: key, level: level, of: blockContent) }
    cipher = try AuthenticatedCipher(suite: header.suite, key: key)
  }

  /// Adds a segment.
  ///
  /// - Parameters:
  ///   - size: Its bytes, at least one.
  ///   - write: Calls what it is given with the segment's bytes in order, `LogDirectory.blockSize` at a time, and the rest at the end.
  /// - Throws: What `write` throws.
  func append(
    size: Int, time: UInt64, _ write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let hasher = try ContentHasher()
    let first = blockCount
    let line = line(for: size)
    if line == nil { coder = try coder ?? makeCoder() }
    var coded: [LogBlockCoder.Coded] = []
    try write { block in
      precondition(block.count == LogDirectory.plainLength(ofBlock: blockCount - first, size: size))
      try line?.give(block, number: blockCount)
      try hasher.update(block)
      if line == nil, let coder { coded.append(try coder.code(block, number: blockCount)) }
      blockCount += 1
    }
    if let line { coded = try line.finish(first..<blockCount) }
    precondition(coded.count == LogDirectory.blockCount(ofSize: size))
    for block in coded { content += block.bytes }
    let blocks = coded.map { LogDirectory.Block(storedLength: $0.bytes.count, isCompressed: $0.isCompressed) }
    segments.append(LogDirectory.Segment(size: size, hash: try hasher.finish(), time: time, blocks: blocks))
  }

  /// - Returns: nil where threads are not worth it, or cannot be had.
  private func line(for size: Int) -> LogBlockLine? {
    let workers = min(context.surroundings.workers, Self.coders, LogDirectory.blockCount(ofSize: size))
    return workers > 1 ? try? LogBlockLine(workers: workers, makeCoder: makeCoder) : nil
  }

  /// Closes the object, whose segments are those that the name says.
  func finish(_ name: LogName, origin: LogOrigin) throws -> [UInt8] {
    let payload = try LogDirectory(origin: origin, segments: segments).encoded()
    let size = LogHeader.size + 4 + Envelope.overhead + payload.count + content.count
    let padding = Self.paddedSize(size) - size - AuthenticatedCipher.tagSize
    content += try cipher.sealed(
      [UInt8](repeating: 0, count: padding), nonce: UInt64(blockCount), associatedData: headerBytes)
    let directory = try context.envelope.seal(
      payload, purpose: .log, context: headerBytes + Array(name.objectName.path.utf8), random: context.random)
    var writer = ByteWriter()
    writer.reserve(LogHeader.size + 4 + directory.count + content.count)
    writer.raw(headerBytes)
    writer.fixed(UInt32(directory.count))
    writer.raw(directory)
    writer.raw(content)
    return writer.bytes
  }

  /// The size of an object whose segments end after so many bytes: the last block is nothing but padding, and has at least a byte.
  static func paddedSize(_ size: Int) -> Int { Padding.padme(size + AuthenticatedCipher.tagSize + 1) }
}
