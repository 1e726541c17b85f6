import CofferSystem

/// Where things are in the file of a files cache, in the local cache of a repository.
///
/// Magic (8), zeros (8), nonce (16); blocks of entries; a last block, the directory; the size of that (8). Each block begins
/// with a code (16), the first bytes of keyed BLAKE3 over all that follows in it, and its number (8), for the directory the
/// largest there is. An entry is a key (16), the size of what follows, and that: see `FilesCacheEntry`. The directory says
/// how many entries there are, which packs they name (32 each), and the sizes of the blocks.
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
  /// Bytes of a block that are believed to be one.
  static let blockLimit = 64 << 20
  static let directoryLimit = 256 << 20

  static func header(nonce: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(magic)
    writer.zeros(nonceOffset - 8)
    writer.raw(nonce)
    return writer.bytes
  }
}

/// Authenticates the blocks of one file, and makes the keys under which every file of the repository has paths: nobody reads
/// a path from them.
struct FilesCacheCodes {
  static let headSize = ChunkID.size + 8

  private let blocks: ChunkHasher
  private let paths: ChunkHasher

  /// - Parameters:
  ///   - key: What authenticates the repository's caches; 32 bytes.
  ///   - nonce: Of the file.
  init(key: SecretBytes, nonce: [UInt8]) throws {
    func hasher(_ salt: [UInt8], _ label: String) throws -> ChunkHasher {
      ChunkHasher(key: try KeyDerivation.hkdf(secret: key, salt: salt, label: label, count: 32))
    }
    blocks = try hasher(nonce, "coffer files cache")
    paths = try hasher([], "coffer files cache path")
  }

  func key(of place: ItemPath) -> ChunkID { place.bytes.withUnsafeBytes { paths.id(of: $0) } }

  /// A block to be filled.
  static func emptyBlock() -> ByteWriter {
    var writer = ByteWriter()
    writer.zeros(headSize)
    return writer
  }

  /// Gives a filled block its number and its code.
  func sealed(_ block: [UInt8], number: UInt64) -> [UInt8] {
    var block = block
    block.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: number.littleEndian, toByteOffset: ChunkID.size, as: UInt64.self)
      let code = blocks.id(of: UnsafeRawBufferPointer(rebasing: bytes[ChunkID.size...]))
      code.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }
    return block
  }

  func isRight(_ block: [UInt8], number: UInt64) -> Bool {
    guard block.count >= Self.headSize else { return false }
    return block.withUnsafeBytes { bytes in
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: ChunkID.size, as: UInt64.self)) == number
        && ChunkID(bytes) == blocks.id(of: UnsafeRawBufferPointer(rebasing: bytes[ChunkID.size...]))
    }
  }
}
