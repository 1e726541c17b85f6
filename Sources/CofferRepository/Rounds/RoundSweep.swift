import CofferStorage
import CofferSystem

/// What a round of compaction deletes, and which objects of earlier rounds count from now on.
///
/// Payload: the round; the packs that go; the index objects, both as in a plan; the census: the number of archives and their
/// ids, each with its length before it, in the ascending order of their bytes.
package struct RoundSweep: RoundObject {
  package static let kind = RoundObjectKind.sweep
  package static let sizeLimit = ObjectLimit.roundDecision
  package let round: Int
  /// The packs that are deleted.
  package let going: Set<Digest256>
  /// The index objects of earlier rounds that count.
  package let index: Set<Digest256>
  /// The archives of earlier rounds that count, by their ids.
  package let census: Set<ExactName>

  /// - Parameter census: The archives' ids.
  package init(round: Int, going: Set<Digest256>, index: Set<Digest256>, census: some Sequence<String>) {
    self.round = round
    self.going = going
    self.index = index
    self.census = Set(census.map { ExactName($0) })
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(round)
    writer.digests(going)
    writer.digests(index)
    writer.varint(census.count)
    for archive in census.sorted() { writer.text(archive.text) }
    return writer.bytes
  }

  package init(decoding bytes: UnsafeRawBufferPointer) throws {
    var reader = ByteReader(bytes)
    round = try reader.length(limit: RoundName.rounds.upperBound)
    going = try reader.digests()
    index = try reader.digests()
    var archives: Set<ExactName> = []
    var last: ExactName?
    for _ in 0..<(try reader.count(elementSize: 1)) {
      let next = ExactName(try reader.text())
      guard ObjectName("\(ArchiveRecord.folder)/\(next)")?.parts.count == 2 else { throw reader.malformed }
      if let last, last >= next { throw reader.malformed }
      archives.insert(next)
      last = next
    }
    census = archives
    try reader.finish()
  }
}
