/// A store in which every call happens at one moment: create-only put, delete, and what lists and gets show.
struct SimulatedStore {
  private(set) var packs: [Pack] = []
  private(set) var standing: SmallSet = []
  private(set) var index: [IndexObject] = []
  private(set) var archives: [ArchiveObject] = []
  private(set) var markers: [Marker] = []
  private(set) var rounds = RoundListing()
  private(set) var quarantined: SmallSet = []
  /// Packs whose bytes have rotted. Nobody sees that before reading them.
  private(set) var damaged: SmallSet = []
  /// The same for stores with the same objects, whatever the order they came in.
  private(set) var fingerprint = 0

  func object(_ name: StoredName) -> StoredObject? {
    switch name {
    case .pack(let number): pack(number).map { .pack($0) }
    case .index(let number): index.first { $0.number == number }.map { .index($0) }
    case .archive(let number): archives.first { $0.number == number }.map { .archive($0) }
    case .marker(let session, let count):
      markers.first { $0.session == session && $0.count == count }.map { .marker($0) }
    case .plan(let round, let signer):
      rounds.plans.first { $0.round == round && $0.signer == signer }.map { .plan($0) }
    case .closing(let round, let signer):
      rounds.closings(by: signer).contains(round) ? .closing(round: round, signer: signer) : nil
    case .sweep(let round, let signer):
      rounds.sweeps.first { $0.round == round && $0.signer == signer }.map { .sweep($0) }
    case .quarantine(let pack): quarantined.contains(pack) ? .quarantine(pack: pack) : nil
    }
  }

  func pack(_ number: Int) -> Pack? {
    standing.contains(number) ? packs.first { $0.number == number } : nil
  }

  /// Does nothing when the name is taken.
  mutating func put(_ object: StoredObject) {
    guard self.object(object.name) == nil else { return }
    fingerprint ^= object.hashValue
    switch object {
    case .pack(let pack):
      packs.append(pack)
      standing.insert(pack.number)
    case .index(let object): index.append(object)
    case .archive(let archive): archives.append(archive)
    case .marker(let marker): markers.append(marker)
    case .plan(let plan): rounds.plans.append(plan)
    case .closing(let round, let signer): rounds.close(round, by: signer)
    case .sweep(let sweep): rounds.sweeps.append(sweep)
    case .quarantine(let pack): quarantined.insert(pack)
    }
  }

  mutating func delete(_ name: StoredName) {
    guard let object = object(name) else { return }
    fingerprint ^= object.hashValue
    switch name {
    case .pack(let number):
      packs.removeAll { $0.number == number }
      standing.remove(number)
      heal(number)
    case .index(let number): index.removeAll { $0.number == number }
    case .archive(let number): archives.removeAll { $0.number == number }
    case .marker(let session, let count): markers.removeAll { $0.session == session && $0.count == count }
    case .plan(let round, let signer): rounds.plans.removeAll { $0.round == round && $0.signer == signer }
    case .closing(let round, let signer): rounds.reopen(round, by: signer)
    case .sweep(let round, let signer): rounds.sweeps.removeAll { $0.round == round && $0.signer == signer }
    case .quarantine(let pack): quarantined.remove(pack)
    }
  }

  mutating func damage(_ pack: Int) {
    guard standing.contains(pack), !damaged.contains(pack) else { return }
    damaged.insert(pack)
    fingerprint ^= Self.damageHash(pack)
  }

  private mutating func heal(_ pack: Int) {
    guard damaged.contains(pack) else { return }
    damaged.remove(pack)
    fingerprint ^= Self.damageHash(pack)
  }

  private static func damageHash(_ pack: Int) -> Int {
    var hasher = Hasher()
    hasher.combine("damage")
    hasher.combine(pack)
    return hasher.finalize()
  }

  /// What an earlier list has shown: without the packs that came later, and the index objects that name them.
  func showing(only packs: SmallSet) -> SimulatedStore {
    var store = self
    for object in index where !object.packs.isSubset(of: packs) { store.delete(.index(object.number)) }
    for pack in self.packs where !packs.contains(pack.number) { store.delete(.pack(pack.number)) }
    return store
  }

  // MARK: - What a restore gets

  /// Whether a chunk comes out of a pack as it went in.
  func yields(_ chunk: Int, _ pack: Pack) -> Bool {
    guard standing.contains(pack.number), !damaged.contains(pack.number), !pack.lies.contains(chunk) else {
      return false
    }
    if pack.full.contains(chunk) { return true }
    guard pack.delta.contains(chunk), let base = pack.base else { return false }
    return standing.contains(base) && !damaged.contains(base)
  }

  /// The chunks that some pack yields.
  func yielded(without passedOver: SmallSet = []) -> SmallSet {
    var chunks: SmallSet = []
    for pack in packs where !passedOver.contains(pack.number) {
      guard !damaged.contains(pack.number) else { continue }
      chunks = chunks | (pack.full - pack.lies)
      if let base = pack.base, standing.contains(base), !damaged.contains(base), !passedOver.contains(base) {
        chunks = chunks | (pack.delta - pack.lies)
      }
    }
    return chunks
  }
}
