import CofferSystem

/// Files that were read, of which not all packs are there yet: all small files of a run wait for the first pack of recipes' nodes. Held
/// as bytes, in a third of the memory that they take as values.
struct PendingFiles {
  /// As many as are looked through before their memory is given back. Of each its key, the chunks whose packs are not known yet, the
  /// numbers of those that are, and the entry.
  private var groups: [PackedBytes] = []
  private(set) var count = 0

  private static let groupSize = 4096

  mutating func append(_ key: ChunkID, _ entry: FilesCacheEntry, in packs: StreamPacks, _ writer: FilesCacheWriter) {
    var encoded = ByteWriter()
    entry.encodeFacts(into: &encoded)
    append(key, waitingFor: packs.pending, in: packs.packs.map(writer.number), encoded.bytes[...])
  }

  private mutating func append(
    _ key: ChunkID, waitingFor ids: [ChunkID], in packs: some Collection<UInt32>, _ facts: some Collection<UInt8>
  ) {
    var piece = ByteWriter()
    piece.id(key)
    piece.varint(ids.count)
    for id in ids { piece.id(id) }
    piece.varint(packs.count)
    for pack in packs { piece.varint(UInt64(pack)) }
    if groups.last.map({ $0.count >= Self.groupSize }) ?? true { groups.append(PackedBytes()) }
    groups[groups.count - 1].append(piece.bytes + facts)
    count += 1
  }

  /// Gives those to the writer whose packs are there by now.
  mutating func settle(_ index: ChunkIndex, _ writer: FilesCacheWriter) {
    var old = groups
    groups = []
    count = 0
    for number in old.indices {
      let group = old[number]
      old[number] = PackedBytes()
      for place in 0..<group.count {
        group[place].withUnsafeBytes { bytes in
          var reader = ByteReader(bytes)
          do { try settle(&reader, index, writer) } catch { preconditionFailure("a file that was packed is one") }
        }
      }
    }
  }

  private mutating func settle(
    _ reader: inout ByteReader, _ index: ChunkIndex, _ writer: FilesCacheWriter
  ) throws(ByteReader.Malformed) {
    let key = try reader.id()
    var waiting: [ChunkID] = []
    var found: [Digest256] = []
    for _ in 0..<(try reader.count(elementSize: ChunkID.size)) {
      let id = try reader.id()
      if case .stored(let place) = index.presence(of: id) { found.append(place.pack) } else { waiting.append(id) }
    }
    var packs: Set<UInt32> = []
    for _ in 0..<(try reader.count(elementSize: 1)) {
      packs.insert(UInt32(try reader.length(limit: Int(UInt32.max))))
    }
    packs.formUnion(found.map(writer.number))
    let facts = try reader.raw(reader.remaining)
    if waiting.isEmpty {
      writer.add(key, facts, in: packs)
    } else {
      append(key, waitingFor: waiting, in: packs, facts)
    }
  }
}
