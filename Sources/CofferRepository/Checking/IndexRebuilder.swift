import CofferStorage
import CofferSystem

/// Makes index objects for packs that no readable one names, signed with the key in use, which must be a full one.
///
/// As a writer does, it names the round of compaction that it has seen, and nothing that the round has condemned. Nor does it
/// name what leans on such: the base of a pack that nobody has named before is not kept for its sake.
struct IndexRebuilder {
  private let context: RepositoryContext
  private let rounds: Rounds
  /// The packs that a compaction may be about to delete.
  private let leaving: Set<Digest256>
  private var packs: [IndexedPack] = []
  /// How many have been named.
  private(set) var packCount = 0

  /// Packs that one index object names.
  private static let packsPerSegment = 64

  init(context: RepositoryContext) throws {
    self.context = context
    rounds = try Rounds.load(context)
    leaving = (rounds.plan?.condemned ?? []).union(rounds.sweep?.going ?? [])
  }

  /// - Returns: Whether the pack may be named.
  mutating func add(_ pack: IndexedPack, of signer: Signer) throws -> Bool {
    // What a base leans on does not matter: a delta block is read from blocks that are stored in full.
    guard let bases = pack.bases, leaving.isDisjoint(with: bases), !leaving.contains(pack.digest) else { return false }
    var pack = pack
    // Whose word is taken for a chunk goes by who has signed the pack.
    if signer.id != context.keys.id { pack.signer = signer.id }
    packs.append(pack)
    if packs.count >= Self.packsPerSegment { try finish() }
    return true
  }

  /// Puts what has been gathered.
  mutating func finish() throws {
    guard !packs.isEmpty else { return }
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs, round: rounds.newest), purpose: .index, context: [], random: context.random)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    guard let name = IndexSegment.objectName(digest) else { return }
    try context.store.put(name, bytes)
    packCount += packs.count
    packs = []
  }
}
