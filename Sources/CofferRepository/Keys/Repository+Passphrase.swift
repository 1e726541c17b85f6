import CofferStorage
import CofferSystem

extension Repository {
  /// Gives the key that has opened the repository another passphrase: it is wrapped anew, and then what the old passphrase
  /// opened is deleted. From the moment on at which the new wrapping stands the old passphrase opens nothing.
  ///
  /// - Returns: Whether anything has changed: false when it is the key's passphrase already.
  /// - Throws: `RepositoryError.passphraseInUse`; `.keyChanged`; `StorageError`; `SystemError`.
  @discardableResult
  public func changePassphrase(
    to passphrase: SecretBytes, passphraseCost: Int = CreationOptions.standardPassphraseCost
  ) throws -> Bool {
    try context.header.refuseUnknownFeatures(location: location)
    if let keyFile { return try change(keyFile, to: passphrase, passphraseCost) }
    let keys = context.keys
    let inventory = try keyInventory()
    guard let own = inventory.standing.first(where: { $0.signer.id == keys.id }) else {
      throw RepositoryError.keyRemoved(location: location, key: "\(keys.id)")
    }
    if try own.record.unwrap(passphrase: passphrase) != nil {
      deleteWrappings(of: keys.id, below: own.name.revision, inventory)
      return false
    }
    if let other = inventory.key(openedBy: passphrase, besides: keys.id) {
      throw RepositoryError.passphraseInUse(location: location, key: "\(other.id)")
    }
    // A name above may be taken by what is no wrapping of the key.
    let taken = Set((inventory.names[keys.id] ?? []).map(\.revision))
    let changed = RepositoryError.keyChanged(location: location, key: "\(keys.id)")
    guard let revision = (own.name.revision + 1..<KeyName.lastRevision + 1).first(where: { !taken.contains($0) }),
      let name = KeyName(keys.id, revision: revision).object
    else { throw changed }
    let record = try rewrapped(own.record, revision, passphrase, passphraseCost)
    do {
      try context.store.put(name, record.bytes)
    } catch StorageError.occupied {
      throw changed
    }
    let now = try keyInventory()
    guard now.standing.first(where: { $0.signer.id == keys.id })?.record.bytes == record.bytes else { throw changed }
    deleteWrappings(of: keys.id, below: revision, now)
    return true
  }

  private func change(_ file: KeyFile, to passphrase: SecretBytes, _ cost: Int) throws -> Bool {
    let old = try keyRecord(in: file, try file.read(location: location))
    guard try old.unwrap(passphrase: passphrase) == nil else { return false }
    try file.replace(try rewrapped(old, old.revision + 1, passphrase, cost).bytes)
    return true
  }

  /// Opened once before anybody depends on it.
  private func rewrapped(
    _ record: KeyRecord, _ revision: Int, _ passphrase: SecretBytes, _ cost: Int
  ) throws -> KeyRecord {
    let made = try record.rewrapping(
      context.keys, revision: revision, passphrase: passphrase, logN: cost, random: context.random)
    guard try made.unwrap(passphrase: passphrase)?.encoded() == context.keys.encoded() else {
      throw CryptographyError.authenticationFailed
    }
    return made
  }

  /// Those below open nothing any more, so one that a store does not delete does no harm, but is said.
  private func deleteWrappings(of id: KeyID, below revision: Int, _ inventory: KeyInventory) {
    for name in inventory.names[id] ?? [] where name.revision < revision {
      guard let object = name.object else { continue }
      do {
        try context.store.unstoppable.delete(object)
      } catch {
        context.remarks.add(error, consequence: "\(object) stays, and opens nothing")
      }
    }
  }
}
