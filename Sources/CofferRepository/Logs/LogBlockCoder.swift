import CofferSystem

/// Compresses and seals blocks of an object of a log, and opens each again. One a thread.
final class LogBlockCoder {
  /// A block as it is stored.
  struct Coded: Sendable {
    let bytes: [UInt8]
    let isCompressed: Bool
  }

  private let headerBytes: [UInt8]
  private let cipher: AuthenticatedCipher
  private let compressor: BlockCompressor
  private let opener: LogOpener
  private let level: Int
  private let content: BlockContent
  /// Room for one block as it is compressed.
  private var room: [UInt8]

  /// - Parameters:
  ///   - header: The object's, and the key that belongs to it.
  ///   - level: zstd's.
  ///   - content: What the blocks hold.
  init(_ header: LogHeader, key: SecretBytes, level: Int, of content: BlockContent) throws {
    self.level = level
    self.content = content
    headerBytes = header.encoded
    cipher = try AuthenticatedCipher(suite: header.suite, key: key)
    compressor = try BlockCompressor()
    opener = try LogOpener(cipher, headerBytes)
    room = [UInt8](repeating: 0, count: BlockCompressor.bound(LogDirectory.blockSize))
  }

  /// - Parameter number: Of the block in the object: no two have the same.
  /// - Throws: `SelfCheckFailed`; `CryptographyError`.
  func code(_ plain: UnsafeRawBufferPointer, number: Int) throws -> Coded {
    let count = try room.withUnsafeMutableBytes {
      try compressor.compress(plain, prefix: nil, level: level, content: content, into: $0)
    }
    let isCompressed = count < plain.count
    var sealed = [UInt8](
      repeating: 0, count: (isCompressed ? count : plain.count) + AuthenticatedCipher.tagSize)
    try room.withUnsafeBytes { room in
      let block = isCompressed ? UnsafeRawBufferPointer(rebasing: room[..<count]) : plain
      try sealed.withUnsafeMutableBytes { sealed in
        _ = try headerBytes.withUnsafeBytes {
          try cipher.seal(block, nonce: UInt64(number), associatedData: $0, into: sealed)
        }
      }
    }
    let coded = Coded(bytes: sealed, isCompressed: isCompressed)
    try check(coded, number: number, plain)
    return coded
  }

  /// Opens a block again and compares what it holds.
  private func check(_ coded: Coded, number: Int, _ plain: UnsafeRawBufferPointer) throws {
    var isSame = false
    let outcome = try coded.bytes.withUnsafeBytes { sealed in
      try opener.open(sealed, number: number, isCompressed: coded.isCompressed, plainLength: plain.count) {
        isSame = $0.isEqual(to: plain)
      }
    }
    // Of what is stored as it is, only the cipher can have made something else.
    guard outcome != .notAuthentic, coded.isCompressed || isSame else { throw SelfCheckFailed(stage: "encryption") }
    guard isSame else { throw SelfCheckFailed(stage: "compression") }
  }
}
