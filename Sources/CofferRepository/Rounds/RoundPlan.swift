import CofferSystem

/// What a round of compaction may delete, and what counts from its plan on.
///
/// Payload: the round; the condemned packs; the index objects: each list its number of hashes (32) and they in ascending order.
package struct RoundPlan: RoundObject {
  package static let kind = RoundObjectKind.plan
  package static let sizeLimit = ObjectLimit.roundDecision
  package let round: Int
  /// The packs that nobody is to lean on any more.
  package let condemned: Set<Digest256>
  /// The index objects of earlier rounds that count from now on.
  package let index: Set<Digest256>

  package init(round: Int, condemned: Set<Digest256>, index: Set<Digest256>) {
    self.round = round
    self.condemned = condemned
    self.index = index
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(round)
    writer.digests(condemned)
    writer.digests(index)
    return writer.bytes
  }

  package init(decoding bytes: UnsafeRawBufferPointer) throws {
    var reader = ByteReader(bytes)
    round = try reader.length(limit: RoundName.rounds.upperBound)
    condemned = try reader.digests()
    index = try reader.digests()
    try reader.finish()
  }
}
