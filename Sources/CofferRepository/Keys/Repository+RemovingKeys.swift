import CofferStorage
import CofferSystem

extension Repository {
  /// Takes a key out of the repository: see the format's page for what that means for keys of each role. A removal that was
  /// killed is carried on.
  ///
  /// - Parameter beginning: Of the key's id.
  /// - Returns: The key's id.
  /// - Throws: `RepositoryError.needsFullKey`; `.noSuchKey`; `.keyInUse`; `.lastFullKey`; `StorageError`.
  @discardableResult
  public func removeKey(_ beginning: String) throws -> String {
    guard let rootPrivate = context.keys.rootPrivate else {
      throw RepositoryError.needsFullKey(location: location, action: "remove keys")
    }
    try context.header.refuseUnknownFeatures(location: location)
    var inventory = try keyInventory()
    guard let id = inventory.key(beginning: beginning) else {
      throw RepositoryError.noSuchKey(beginning, location: location)
    }
    guard id != context.keys.id else { throw RepositoryError.keyInUse(location: location, key: "\(id)") }
    if let entry = inventory.standing.first(where: { $0.signer.id == id }) {
      let removal = KeyRemoval(of: entry.record, signer: entry.signer, at: context.clock.now())
      try settle(KeyRemoval.objectName(id), try removal.encoded(rootPrivate: rootPrivate)) {
        KeyRemoval($0, of: id, rootPublic: context.keys.rootPublic) != nil
      }
      // Behind the put: of two that remove each other one at least sees both.
      inventory = try keyInventory()
    }
    guard inventory.disregarded.isEmpty else {
      if let name = KeyRemoval.objectName(id) { try context.store.unstoppable.delete(name) }
      throw RepositoryError.lastFullKey(location: location)
    }
    if inventory.removed[id]?.record.signer.role == .writeOnly, inventory.removed[id]?.counting == nil {
      try settle(
        CountingArchives.objectName(id),
        try CountingArchives(archivesSigned(by: id)).encoded(of: id, rootPrivate: rootPrivate)
      ) { CountingArchives($0, of: id, rootPublic: context.keys.rootPublic) != nil }
    }
    for name in inventory.names[id] ?? [] {
      if let object = name.object { try context.store.delete(object) }
    }
    return "\(id)"
  }

  /// The ids of the archives that are there and signed by a write-only key, and of those that cannot be read now: a record
  /// that is brought back from a copy is to count.
  private func archivesSigned(by id: KeyID) throws -> [String] {
    let listed = try context.store.list(ArchiveRecord.folder).map(\.name.lastPart)
    let readable = try archives()
    let others = Set(readable.filter { $0.writeOnlyKey != "\(id)" }.map { ExactName($0.id) })
    return listed.filter { !others.contains(ExactName($0)) }
  }

  /// Puts what the root has said. Who finds the name taken by a word of the root's adopts that; anything else there is
  /// nobody's who may, and in the way.
  private func settle(_ name: ObjectName?, _ bytes: [UInt8], _ isGenuine: ([UInt8]) -> Bool) throws {
    guard let name else { return }
    do {
      try context.store.put(name, bytes)
    } catch StorageError.occupied {
      guard !isGenuine(try context.store.get(name, limit: ObjectLimit.archive)) else { return }
      try context.store.delete(name)
      try context.store.put(name, bytes)
    }
  }
}
