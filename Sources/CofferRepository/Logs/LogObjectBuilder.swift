import CofferSystem
import FoundationEssentials

/// Puts an object of a log together in memory: compresses and seals its segments, opens each again, and signs what they are.
final class LogObjectBuilder {
  private let context: RepositoryContext
  private let header: LogHeader
  private let headerBytes: [UInt8]
  private let cipher: AuthenticatedCipher
  private let compressor: BlockCompressor
  private let opener: LogOpener
  private let level: Int
  private var content: [UInt8] = []
  private var blockCount = 0
  private(set) var segments: [LogDirectory.Segment] = []
  /// Room for one block as it is compressed.
  private var coded: [UInt8]

  init(_ context: RepositoryContext, level: Int) throws {
    self.context = context
    self.level = level
    let key: SecretBytes
    (header, key) = try LogHeader.make(
      suite: context.suite, dataPublic: context.keys.dataPublic, random: context.random)
    headerBytes = header.encoded
    cipher = try AuthenticatedCipher(suite: header.suite, key: key)
    compressor = try BlockCompressor()
    opener = try LogOpener(cipher, headerBytes)
    coded = [UInt8](repeating: 0, count: BlockCompressor.bound(LogDirectory.blockSize))
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
    var blocks: [LogDirectory.Block] = []
    try write { block in
      precondition(block.count == LogDirectory.plainLength(ofBlock: blocks.count, size: size))
      try hasher.update(block)
      blocks.append(try append(block))
    }
    precondition(blocks.count == LogDirectory.blockCount(ofSize: size))
    segments.append(LogDirectory.Segment(size: size, hash: try hasher.finish(), time: time, blocks: blocks))
  }

  private func append(_ plain: UnsafeRawBufferPointer) throws -> LogDirectory.Block {
    let count = try coded.withUnsafeMutableBytes {
      try compressor.compress(plain, prefix: nil, level: level, into: $0)
    }
    let isCompressed = count < plain.count
    let start = content.count
    let length = (isCompressed ? count : plain.count) + AuthenticatedCipher.tagSize
    content.append(contentsOf: repeatElement(0, count: length))
    try coded.withUnsafeBytes { coded in
      let block = isCompressed ? UnsafeRawBufferPointer(rebasing: coded[..<count]) : plain
      try content.withUnsafeMutableBytes { content in
        _ = try headerBytes.withUnsafeBytes {
          try cipher.seal(
            block, nonce: UInt64(blockCount), associatedData: $0,
            into: UnsafeMutableRawBufferPointer(rebasing: content[start...]))
        }
      }
    }
    try check(start..<start + length, isCompressed, plain)
    blockCount += 1
    return LogDirectory.Block(storedLength: length, isCompressed: isCompressed)
  }

  /// Opens a block again and compares what it holds.
  private func check(_ range: Range<Int>, _ isCompressed: Bool, _ plain: UnsafeRawBufferPointer) throws {
    var isSame = false
    let outcome = try content.withUnsafeBytes { content in
      try opener.open(
        UnsafeRawBufferPointer(rebasing: content[range]), number: blockCount, isCompressed: isCompressed,
        plainLength: plain.count
      ) { isSame = $0.isEqual(to: plain) }
    }
    // Of what is stored as it is, only the cipher can have made something else.
    guard outcome != .notAuthentic, isCompressed || isSame else { throw SelfCheckFailed(stage: "encryption") }
    guard isSame else { throw SelfCheckFailed(stage: "compression") }
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
