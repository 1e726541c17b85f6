/// Where a block is, and with it every chunk that it holds.
package struct BlockPlace: Hashable, Sendable {
  let pack: Digest256
  /// The block's number in the pack.
  let block: Int
}

/// The plain bytes of a block and where its chunks are in it.
final class PlainBlock: Sendable {
  let kind: PackKind
  let bytes: [UInt8]
  let places: [ChunkID: Range<Int>]

  init(_ kind: PackKind, bytes: [UInt8], places: [ChunkID: Range<Int>] = [:]) {
    self.kind = kind
    self.bytes = bytes
    self.places = places
  }

  /// Bytes that it takes in memory, nearly: of short chunks the places take more than what is in them.
  var memory: Int { bytes.count + places.count * Self.placeSize }

  /// What a dictionary takes for an entry of these.
  private static let placeSize = 48
}

/// The packs and plain blocks that were used last, shared by the readers of all threads: chunks that follow each other
/// in a stream are mostly neighbours.
struct ReadCache: Sendable {
  let packCount: Int
  let packs: SharedCache<Digest256, PackReader>
  let blocks: SharedCache<BlockPlace, PlainBlock>
  /// Parts of packs that hold short blocks: days of edits are in as many packs as there were days, and each goes on a little further.
  let parts = SharedCache<Part, [UInt8]>(capacity: 4 << 20, weigh: \.count)

  /// A part of a pack, as it is stored.
  struct Part: Hashable {
    let pack: Digest256
    let start: Int
  }

  /// How many blocks a restore keeps, and their bytes.
  static let restoreCount = 48
  static let restoreSize = restoreCount * BlockFiller.target

  /// - Parameters:
  ///   - blockCount: How many plain blocks of 512 KiB are kept; of smaller ones more.
  ///   - packCount: How many packs are kept open.
  init(blockCount: Int, packCount: Int = 128) {
    self.packCount = packCount
    packs = SharedCache(capacity: packCount)
    blocks = SharedCache(capacity: blockCount * BlockFiller.target, weigh: \.memory)
  }
}
