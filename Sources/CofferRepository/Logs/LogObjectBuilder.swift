import CofferSystem
import FoundationEssentials

/// Puts an object of a log together in memory: seals its segments, opens each block again, and signs what they are.
final class LogObjectBuilder {
  private let context: RepositoryContext
  private let hashing: SegmentHashing
  private let headerBytes: [UInt8]
  private let cipher: AuthenticatedCipher
  private var content: [UInt8] = []
  private var blockCount = 0
  private(set) var segments: [LogDirectory.Segment] = []

  init(_ context: RepositoryContext, hashing: SegmentHashing = .current) throws {
    self.context = context
    self.hashing = hashing
    let (header, key) = try LogHeader.make(
      hashing, suite: context.suite, dataPublic: context.keys.dataPublic, random: context.random)
    headerBytes = header.encoded
    cipher = try AuthenticatedCipher(suite: header.suite, key: key)
  }

  /// Adds a segment.
  ///
  /// - Parameter time: When it is put, in milliseconds since 1970.
  /// - Throws: `SelfCheckFailed`; `CryptographyError`.
  func append(_ segment: CompressedLogPart, time: UInt64) throws {
    let blocks = try segment.blocks.map(add)
    try append(segment, blocks, time: time)
  }

  /// Adds a segment, each block as soon as it is there.
  ///
  /// - Returns: All of it.
  /// - Throws: As for one that is there; what compressing it throws.
  func append(_ segment: CompressingLogPart, time: UInt64) throws -> CompressedLogPart {
    let blocks = try (0..<segment.blockCount).map { try add(segment.block($0)) }
    let whole = try segment.whole()
    try append(whole, blocks, time: time)
    return whole
  }

  private func append(_ segment: CompressedLogPart, _ blocks: [LogDirectory.Block], time: UInt64) throws {
    segments.append(
      LogDirectory.Segment(size: segment.size, hash: try segment.hash(by: hashing), time: time, blocks: blocks))
  }

  private func add(_ block: CompressedLogPart.Block) throws -> LogDirectory.Block {
    let sealed = try seal(block.bytes)
    content += sealed
    return LogDirectory.Block(storedLength: sealed.count, isCompressed: block.isCompressed)
  }

  private func seal(_ bytes: [UInt8]) throws -> [UInt8] {
    let nonce = UInt64(blockCount)
    blockCount += 1
    let sealed = try cipher.sealed(bytes, nonce: nonce, associatedData: headerBytes)
    let opened = try? cipher.opened(sealed, nonce: nonce, associatedData: headerBytes)
    // `==` of arrays would look at one byte after the other.
    let isSame = opened?.withUnsafeBytes { opened in bytes.withUnsafeBytes { opened.isEqual(to: $0) } }
    guard isSame == true else { throw SelfCheckFailed(stage: "encryption") }
    return sealed
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
