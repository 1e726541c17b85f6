import CofferStorage
import CofferSystem

/// Makes index objects for packs that no readable one names, signed with the key in use, which must be a full one.
struct IndexRebuilder {
  private let context: RepositoryContext
  private var packs: [IndexedPack] = []
  /// How many have been named.
  private(set) var packCount = 0

  /// Packs that one index object names.
  private static let packsPerSegment = 64

  init(context: RepositoryContext) {
    self.context = context
  }

  mutating func add(_ pack: IndexedPack) throws {
    packs.append(pack)
    if packs.count >= Self.packsPerSegment { try finish() }
  }

  /// Puts what has been gathered.
  mutating func finish() throws {
    guard !packs.isEmpty else { return }
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs), purpose: .index, context: [], random: context.random)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    guard let name = IndexSegment.objectName(digest) else { return }
    try context.store.put(name, bytes)
    packCount += packs.count
    packs = []
  }
}
