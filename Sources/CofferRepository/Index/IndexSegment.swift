import CofferStorage
import CofferSystem

/// A pack's part of the index.
package struct IndexedPack: Sendable, Equatable {
  struct Entry: Sendable, Equatable {
    let id: ChunkID
    /// Bytes of the chunk.
    let length: Int
    let block: Int
  }

  let digest: Digest256
  let kind: PackKind
  /// Bytes of the whole pack.
  let size: Int
  /// Plain bytes of all its blocks.
  let plainSize: Int
  let entries: [Entry]
  /// The packs that delta blocks lean on, in order; nil when that is not known.
  var bases: [Digest256]?
  /// Who signed the pack, where that is not who signed the index object.
  var signer: KeyID?
}

extension IndexedPack {
  init(digest: Digest256, kind: PackKind, size: Int, directory: PackDirectory) {
    self.digest = digest
    self.kind = kind
    self.size = size
    plainSize = directory.blocks.reduce(0) { $0 + $1.plainLength }
    bases = directory.basePacks.sorted()
    entries = directory.blocks.enumerated().flatMap { number, block in
      directory.chunks[block.chunks].map { Entry(id: $0.id, length: $0.length, block: number) }
    }
  }
}

/// The object `index/<hash>`: the index of packs, sealed and signed by a key: the one that wrote them, or a full one.
///
/// Payload: number of packs; per pack hash (32), kind (1), size, plain size, number of blocks' runs, and per run of
/// entries in one block: number of entries, and of each id and length. Blocks count up from 0 without gaps. Behind them
/// all, per pack the number of the packs that it leans on and their hashes (32). Behind these the round that the session saw,
/// and per pack 0, or 1 and the id (16) of the key that signed it if that is not the key that signed the object; that is left
/// out if it is round 0 and the object's own key throughout, as older programs do.
package enum IndexSegment {
  static let folder = "index"
  /// Plain bytes that no pack has more of.
  private static let plainLimit = 1 << 40

  /// - Parameters:
  ///   - packs: If one of them names its signer, or the round is not 0, with what each leans on.
  ///   - round: The one that the session saw.
  package static func encode(_ packs: [IndexedPack], round: Int = 0) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(packs.count)
    for pack in packs {
      writer.digest(pack.digest)
      writer.byte(pack.kind.rawValue)
      writer.varint(pack.size)
      writer.varint(pack.plainSize)
      let blockCount = (pack.entries.last?.block ?? -1) + 1
      writer.varint(blockCount)
      var position = pack.entries.startIndex
      for block in 0..<blockCount {
        let end = pack.entries[position...].firstIndex { $0.block != block } ?? pack.entries.endIndex
        writer.varint(end - position)
        for entry in pack.entries[position..<end] {
          writer.id(entry.id)
          writer.varint(entry.length)
        }
        position = end
      }
    }
    let hasMore = round > 0 || packs.contains { $0.signer != nil }
    guard hasMore || packs.contains(where: { $0.bases != nil }) else { return writer.bytes }
    for pack in packs {
      writer.varint(pack.bases?.count ?? 0)
      for base in pack.bases ?? [] { writer.digest(base) }
    }
    guard hasMore else { return writer.bytes }
    writer.varint(round)
    for pack in packs {
      writer.byte(pack.signer == nil ? 0 : 1)
      if let signer = pack.signer { writer.raw(signer.bytes) }
    }
    return writer.bytes
  }

  /// - Returns: The packs, and the round that the session saw.
  static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ByteReader.Malformed) -> (packs: [IndexedPack], round: Int) {
    var reader = ByteReader(bytes)
    var packs: [IndexedPack] = []
    for _ in 0..<(try reader.count(elementSize: Digest256.size + 4)) {
      let digest = try reader.digest()
      guard let kind = PackKind(rawValue: try reader.byte()) else { throw reader.malformed }
      let size = try reader.length(limit: Int(UInt32.max))
      let plainSize = try reader.length(limit: plainLimit)
      var entries: [IndexedPack.Entry] = []
      for block in 0..<(try reader.count(elementSize: 1)) {
        for _ in 0..<(try reader.count(elementSize: ChunkID.size + 1)) {
          let id = try reader.id()
          entries.append(.init(id: id, length: try reader.length(limit: PackDirectory.plainLimit), block: block))
        }
      }
      packs.append(
        IndexedPack(digest: digest, kind: kind, size: size, plainSize: plainSize, entries: entries))
    }
    if reader.remaining > 0 {
      for number in packs.indices {
        var bases: [Digest256] = []
        for _ in 0..<(try reader.count(elementSize: Digest256.size)) { bases.append(try reader.digest()) }
        packs[number].bases = bases
      }
    }
    var round = 0
    if reader.remaining > 0 {
      round = try reader.length(limit: RoundName.rounds.upperBound)
      for number in packs.indices {
        switch try reader.byte() {
        case 0: break
        case 1: packs[number].signer = KeyID(Array(try reader.raw(KeyID.size)))
        default: throw reader.malformed
        }
      }
    }
    try reader.finish()
    return (packs, round)
  }

  package static func objectName(_ digest: Digest256) -> ObjectName? { ObjectName("\(folder)/\(digest.hex)") }
}
