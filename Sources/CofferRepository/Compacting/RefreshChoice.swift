import CofferSystem

/// Chooses packs of which the newest archives' data is to be written anew, since too much has to be decoded to restore it.
///
/// Days of edits are stored as differences, so a restore decodes what was there first, and the differences of all days. Written
/// in full and in the archive's order, the data begins at the beginning again, and older archives' is what differs.
struct RefreshChoice {
  /// Packs to be given up, besides those that are in any case.
  private(set) var packs: [Digest256] = []

  /// Bytes decoded for each restored one from which on a pack is worth it. What is refreshed is read and written whole, with all
  /// that leans on it, so this is not reached by a few days of edits.
  private static let worstRatio = 1.7
  /// Those from which on packs go along with one that is worth it: what leans on them is written anew only once then.
  private static let goodRatio = 1.2
  /// The part of what is restored that differences have to be: of what is written in full there are none, so it is not chosen
  /// another time.
  private static let codedPart = 8
  /// Bytes that have to be restored by means of such packs.
  private static let smallest = 256 << 10
  /// Plain bytes of packs that one round refreshes, to bound what it holds in memory; the rest is the next one's.
  private static let plainLimit = Double(16 << 30)

  /// - Parameters:
  ///   - going: Packs that are given up in any case.
  ///   - limit: Bytes of further packs that may be read and written anew; nil for any number.
  init(
    _ costs: RestoreCosts, _ catalogue: PackCatalogue, counting: Set<Digest256>, going: Set<Digest256>, limit: Int?
  ) {
    let promising = costs.packs.filter { pack, cost in
      counting.contains(pack) && cost.ratio > Self.goodRatio && cost.coded > cost.restored / Self.codedPart
    }
    guard promising.contains(where: { $0.value.ratio > Self.worstRatio }),
      promising.reduce(0, { $0 + $1.value.restored }) >= Self.smallest
    else { return }
    let leaners = catalogue.leaners()
    var taken = going
    var left = limit ?? .max
    var plain = Self.plainLimit
    for (pack, _) in promising.sorted(by: { ($0.value.ratio, $0.key) > ($1.value.ratio, $1.key) }) {
      let group = catalogue.group(of: pack, leaners).subtracting(going)
      guard group.allSatisfy({ catalogue.isSound($0) && counting.contains($0) }) else { continue }
      let new = group.subtracting(taken)
      let size = new.reduce(0) { $0 + (catalogue.packs[$1]?.size ?? 0) }
      let plainSize = new.reduce(0.0) { $0 + Double(catalogue.packs[$1]?.plainSize ?? 0) }
      guard !new.isEmpty, size <= left, plainSize <= plain else { continue }
      left -= size
      plain -= plainSize
      taken.formUnion(new)
      packs += new.sorted()
    }
  }
}

extension PackCatalogue {
  /// A pack and all that lean on it, however far down.
  func group(of digest: Digest256, _ leaners: [Digest256: Set<Digest256>]) -> Set<Digest256> {
    var packs: Set<Digest256> = [digest]
    var rest = [digest]
    while let next = rest.popLast() {
      for leaner in leaners[next] ?? [] where packs.insert(leaner).inserted { rest.append(leaner) }
    }
    return packs
  }

  /// Whether it is known what a pack holds, and nothing bad.
  fileprivate func isSound(_ digest: Digest256) -> Bool {
    !doubtful.contains(digest) && packs[digest]?.places.isEmpty == false
  }
}
