import CofferSystem

/// One of the three objects that make a round of compaction. The first that is stored counts for all.
package protocol RoundObject: Sendable, Equatable {
  static var kind: RoundObjectKind { get }
  /// Bytes beyond which an object of the kind is not read.
  static var sizeLimit: Int { get }
  var round: Int { get }

  func encoded() -> [UInt8]

  /// Reads what `encoded` wrote.
  ///
  /// - Throws: `ByteReader.Malformed`.
  init(decoding bytes: UnsafeRawBufferPointer) throws
}

/// From here on no archive of an earlier round comes in.
///
/// Payload: the round.
package struct RoundClosing: RoundObject {
  package static let kind = RoundObjectKind.closing
  package static let sizeLimit = ObjectLimit.closing
  package let round: Int

  package init(round: Int) {
    self.round = round
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(round)
    return writer.bytes
  }

  package init(decoding bytes: UnsafeRawBufferPointer) throws {
    var reader = ByteReader(bytes)
    round = try reader.length(limit: RoundName.rounds.upperBound)
    try reader.finish()
  }
}

extension ByteWriter {
  /// A number of hashes, and they in ascending order.
  mutating func digests(_ digests: Set<Digest256>) {
    varint(digests.count)
    for digest in digests.sorted() { self.digest(digest) }
  }
}

extension ByteReader {
  /// Reads what `digests` wrote; the order is part of it, so that there is one encoding of each set.
  mutating func digests() throws(Malformed) -> Set<Digest256> {
    var digests: Set<Digest256> = []
    var last: Digest256?
    for _ in 0..<(try count(elementSize: Digest256.size)) {
      let next = try digest()
      if let last, last >= next { throw malformed }
      digests.insert(next)
      last = next
    }
    return digests
  }
}
