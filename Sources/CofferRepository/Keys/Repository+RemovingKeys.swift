import CofferStorage
import CofferSystem

extension Repository {
  /// Takes a key out of the repository: see the format's page for what that means for keys of each role. A removal that was
  /// killed is carried on.
  ///
  /// - Parameter beginning: Of the key's id.
  /// - Returns: The key's id.
  /// - Throws: `RepositoryError.needsFullKey`; `.noSuchKey`; `.askedKeyUnread`; `.keyInUse`; `.lastFullKey`; `StorageError`.
  @discardableResult
  public func removeKey(_ beginning: String) throws -> String {
    guard let rootPrivate = context.keys.rootPrivate else {
      throw RepositoryError.needsFullKey(location: location, action: "remove keys")
    }
    try context.header.refuseUnknownFeatures(location: location)
    var inventory = try keyInventory()
    guard let id = inventory.key(beginning: beginning) else {
      throw inventory.noKey(beginning, location: location)
    }
    guard id != context.keys.id else { throw RepositoryError.keyInUse(location: location, key: "\(id)") }
    guard let name = KeyRemoval.objectName(id) else { return "\(id)" }
    if inventory.disregarded.isSuperset(of: [id, context.keys.id]) {
      // Two have removed each other, and neither removal counts. If the other one alone went, this key's would.
      try KeyRemoval.objectName(context.keys.id).map { try context.store.delete($0) }
      inventory = try keyInventory(removing: id)
    }
    let entry = inventory.standing.first { $0.signer.id == id }
    if let entry {
      let removal = KeyRemoval(of: entry.record, signer: entry.signer, at: context.clock.now())
      try put(removal, rootPrivate)
      // Behind the put: of two that remove each other one at least sees both.
      inventory = try keyInventory(removing: id)
    }
    guard let removed = inventory.removed[id] else {
      // Only where the key's object stands: else nothing but the removal knows its public half.
      if entry != nil, inventory.disregarded.contains(id) { try context.store.unstoppable.delete(name) }
      throw RepositoryError.lastFullKey(location: location)
    }
    if removed.record.signer.role == .writeOnly, removed.counting == nil {
      try settle(
        CountingArchives.objectName(id),
        try CountingArchives(archivesSigned(by: id)).encoded(of: id, rootPrivate: rootPrivate)
      ) { CountingArchives($0, of: id, rootPublic: context.keys.rootPublic) != nil }
    }
    for name in inventory.names[id] ?? [] {
      if let object = name.object { try context.store.delete(object) }
    }
    // Somebody may have taken the removal back before the key's object was gone.
    try put(removed.record, rootPrivate)
    return "\(id)"
  }

  /// The ids of the archives that are there and signed by a write-only key, and of those that cannot be read now: a record
  /// that is brought back from a copy is to count. If there are more than a list holds, those count that the store has
  /// had for longest, and the readable ones before the others.
  private func archivesSigned(by id: KeyID) throws -> [String] {
    let listed = try context.store.list(ArchiveRecord.folder).filter { ArchiveRecord.isName($0.name) }
      .sorted { ($0.received, $0.name) < ($1.received, $1.name) }.map(\.name.lastPart)
    let readable = try archives()
    let own = Set(readable.filter { $0.writeOnlyKey == "\(id)" }.map { ExactName($0.id) })
    let all = Set(readable.map { ExactName($0.id) })
    let unreadable = listed.filter { !all.contains(ExactName($0)) }
    let signed = listed.filter { own.contains(ExactName($0)) } + unreadable
    if signed.count > CountingArchives.most {
      context.remarks.add(
        Diagnosis(
          subject: "repository \(location)",
          problem: "There are \(signed.count) archives of the key \(id), or not readable; the "
            + "\(CountingArchives.most) count that the store has had for longest"))
    }
    return Array(signed.prefix(CountingArchives.most))
  }

  private func put(_ removal: KeyRemoval, _ rootPrivate: SecretBytes) throws {
    let id = removal.signer.id
    try settle(KeyRemoval.objectName(id), try removal.encoded(rootPrivate: rootPrivate)) {
      KeyRemoval($0, of: id, rootPublic: context.keys.rootPublic) != nil
    }
  }

  /// Puts what the root has said. Who finds the name taken by a word of the root's adopts that; anything else there, of any
  /// size, and whatever is below the name, is nobody's who may, and in the way.
  private func settle(_ name: ObjectName?, _ bytes: [UInt8], _ isGenuine: ([UInt8]) -> Bool) throws {
    guard let name else { return }
    do {
      return try context.store.put(name, bytes)
    } catch let error as StorageError where error.kind == .exists || error.kind == .permanent {
      let there = try RunStore.readable { try context.store.get(name, limit: ObjectLimit.archive) }
      guard there.map(isGenuine) != true else { return }
    }
    for below in try context.store.list(KeyRemoval.folder).map(\.name) where below.path.begins(with: name.path + "/") {
      try context.store.delete(below)
    }
    try context.store.delete(name)
    try context.store.put(name, bytes)
  }
}
