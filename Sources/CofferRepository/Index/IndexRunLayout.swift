import CofferSystem

/// Where the tables of an index run are: memory that mirrors packs' directories, in a file of the local cache or in none.
///
/// In the machine's own byte order, each table at a multiple of 64 bytes: header; sources, of each index object that was read
/// the hash (32) and the round (8); packs, each hash (32), first block (8), size (8), plain size (8), kind (1), whether another
/// key than the run's has signed it (1), zeros (6), that key's id (16); bases, each the
/// number (8) of a pack and the hash (32) of one that it leans on; blocks, each the number (8) of its first chunk, and a
/// last one of all chunks; the filter's lines (64); chunk ids (16) in the order of the packs; the chunks' lengths (4);
/// slots (8) of a hash table over the ids. A file has codes of its pages behind them.
package struct IndexRunLayout: Equatable {
  static let magic: UInt64 = 0x3430_5844_4952_4643  // "CFRIDX04"
  static let headerSize = 128
  static let sourceSize = 40
  static let packSize = 80
  static let baseSize = 40
  static let lengthSize = 4
  static let slotSize = 8
  static let lineSize = 64

  /// The header's fields, by their offsets.
  enum Field {
    static let magic = 0
    static let sources = 8
    static let packs = 16
    static let blocks = 24
    static let chunks = 32
    static let bases = 40
    static let signer = 48
    /// 16 random bytes: they make the codes of the file's pages the run's own, and nobody who does not know them chooses
    /// ids that meet in one slot.
    static let nonce = 64
  }

  let sourceCount: Int
  package let packCount: Int
  let baseCount: Int
  let blockCount: Int
  let chunkCount: Int

  let slotCount: Int
  let lineCount: Int

  let packs: Int
  let bases: Int
  let blocks: Int
  let filter: Int
  let ids: Int
  let lengths: Int
  let slots: Int
  package let size: Int

  var sources: Int { Self.headerSize }

  /// - Returns: nil for numbers that no run can have.
  package init?(sourceCount: Int, packCount: Int, baseCount: Int = 0, blockCount: Int, chunkCount: Int) {
    let limit = 1 << 38
    guard [sourceCount, packCount, baseCount, blockCount, chunkCount].allSatisfy({ (0..<limit).contains($0) }) else {
      return nil
    }
    self.sourceCount = sourceCount
    self.packCount = packCount
    self.baseCount = baseCount
    self.blockCount = blockCount
    self.chunkCount = chunkCount
    // At most three quarters of the slots are used; ten bits a chunk let one and a half in a hundred misses through.
    slotCount = chunkCount + chunkCount / 3 + 8
    lineCount = chunkCount * 10 / 512 + 1
    func aligned(_ offset: Int) -> Int { (offset + 63) / 64 * 64 }
    packs = aligned(Self.headerSize + sourceCount * Self.sourceSize)
    bases = aligned(packs + packCount * Self.packSize)
    blocks = aligned(bases + baseCount * Self.baseSize)
    filter = aligned(blocks + (blockCount + 1) * 8)
    ids = filter + lineCount * Self.lineSize
    lengths = aligned(ids + chunkCount * ChunkID.size)
    slots = aligned(lengths + chunkCount * Self.lengthSize)
    size = slots + slotCount * Self.slotSize
  }
}

/// How an id is looked for.
struct IndexProbe {
  /// Odd multipliers that only the run knows: ids of content are uniformly distributed, but a stolen key can sign any.
  private let first: UInt64
  private let second: UInt64

  /// - Parameter nonce: 16 bytes.
  init(nonce: [UInt8]) {
    (first, second) = nonce.withUnsafeBytes { bytes in
      (
        bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self) | 1,
        bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 1
      )
    }
  }

  func slot(of id: ChunkID, among count: Int) -> Int {
    let mixed = (id.word ^ second) &* first &+ (id.rest ^ first) &* second
    return Int((mixed ^ mixed >> 32).multipliedFullWidth(by: UInt64(count)).high)
  }

  /// What a slot holds beside the chunk's number: 24 bits.
  static func tag(of id: ChunkID) -> UInt64 { id.rest & 0xff_ffff }

  static let numberBits: UInt64 = 40
  /// Places of one id that are kept: more copies than anybody needs, and few enough to be looked through.
  static let copyLimit = 8

  /// The line of the filter, and the six bits in it that are set for the id.
  static func line(of id: ChunkID, among count: Int) -> Int {
    Int((id.word &* 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: UInt64(count)).high)
  }

  static let bitsPerChunk = 6

  static func bit(_ number: Int, of id: ChunkID) -> Int { Int(truncatingIfNeeded: id.rest >> UInt64(number * 9)) & 511 }
}
