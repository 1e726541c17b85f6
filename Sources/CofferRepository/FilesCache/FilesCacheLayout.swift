import CofferSystem

/// Where things are in the file of a files cache, in the local cache of a repository.
///
/// Magic (8), zeros (8), nonce (16); blocks of entries; a last block, the directory; the size of that (8). Each block is
/// sealed; its nonce is its number, for the directory the largest there is. An entry is a key (16), the size of what follows,
/// and that: see `FilesCacheEntry`. The directory says how many entries there are, which packs they name (32 each), and the
/// sizes of the sealed blocks.
enum FilesCacheLayout {
  static let magic: UInt64 = 0x3130_4353_4c46_4643  // "CFFLSC01"
  static let headerSize = 32
  static let nonceOffset = 16
  static let nonceSize = 16
  static let endSize = 8
  /// Of the directory.
  static let lastNumber = UInt64.max
  /// Bytes after which a block ends. The last entry of one begins within 64 KiB, and may be longer than that.
  static let blockSize = 1 << 16
  /// Bytes of a sealed block that are believed to be one.
  static let blockLimit = 64 << 20
  static let directoryLimit = 256 << 20

  static func header(nonce: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(magic)
    writer.zeros(nonceOffset - 8)
    writer.raw(nonce)
    return writer.bytes
  }

  /// - Returns: nil for what is no header.
  static func nonce(in bytes: [UInt8]) -> [UInt8]? {
    let nonce = Array(bytes.suffix(nonceSize))
    return bytes == header(nonce: nonce) ? nonce : nil
  }
}

/// Seals the blocks of one file, and makes the keys under which every file of the repository has paths.
struct FilesCacheCipher {
  private let blocks: AuthenticatedCipher
  private let paths: ChunkHasher

  /// - Parameters:
  ///   - key: Of the repository's caches; 32 bytes.
  ///   - nonce: Of the file; no other has it.
  init(suite: CipherSuite, key: SecretBytes, nonce: [UInt8]) throws {
    blocks = try AuthenticatedCipher(
      suite: suite,
      key: try KeyDerivation.hkdf(secret: key, salt: nonce, label: "coffer files cache", count: 32))
    paths = ChunkHasher(
      key: try KeyDerivation.hkdf(secret: key, salt: [], label: "coffer files cache path", count: 32))
  }

  func key(of place: ItemPath) -> ChunkID { place.bytes.withUnsafeBytes { paths.id(of: $0) } }

  func sealed(_ block: [UInt8], number: UInt64) throws -> [UInt8] {
    try blocks.sealed(block, nonce: number, associatedData: [])
  }

  /// - Returns: nil for what is not the block of this number.
  func opened(_ block: [UInt8], number: UInt64) -> [UInt8]? {
    guard block.count >= AuthenticatedCipher.tagSize else { return nil }
    return try? blocks.opened(block, nonce: number, associatedData: [])
  }
}
