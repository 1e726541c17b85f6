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
    let changed = RepositoryError.keyChanged(location: location, key: "\(keys.id)")
    let taken = try takenRevisions(of: keys.id)
    for revision in own.name.revision + 1..<KeyName.lastRevision + 1 where !taken.contains(revision) {
      guard let name = KeyName(keys.id, revision: revision).object else { break }
      let record = try rewrapped(own.record, revision, passphrase, passphraseCost)
      do {
        try tellingDoubt(where: { [.transient, .cancelled].contains($0) }) { try context.store.put(name, record.bytes) }
      } catch let error as StorageError where [.exists, .permanent, .missing].contains(error.kind) {
        // Taken since, by another change or by what is none; else the store is to blame, which may have kept it all the same.
        guard error.kind == .exists || isThere(name) else { throw error }
        let found = try tellingDoubt { try keyInventory() }
        let standing = wrapping(of: keys.id, found)
        if standing == record.bytes {
          tellDoubt()
          throw error
        }
        guard standing == own.record.bytes else { throw changed }
        continue
      }
      let now = try tellingDoubt { try keyInventory() }
      guard wrapping(of: keys.id, now) == record.bytes else {
        // It may also be that this one stands and cannot be read.
        tellDoubt()
        throw changed
      }
      deleteWrappings(of: keys.id, below: revision, now)
      return true
    }
    throw changed
  }

  /// The numbers whose names are taken, be it by what is no wrapping of the key, or by a folder.
  private func takenRevisions(of id: KeyID) throws -> Set<Int> {
    let names = try context.store.list(KeyName.folder).map(\.name.parts).filter { $0.count > 1 }
      .compactMap { KeyName("\(KeyName.folder)/\($0[1])") }
    return Set(names.filter { $0.id == id }.map(\.revision))
  }

  private func isThere(_ name: ObjectName) -> Bool {
    do {
      _ = try context.store.status(of: name)
      return true
    } catch let error as StorageError where error.kind == .missing {
      return false
    } catch {
      tellDoubt()
      return false
    }
  }

  private func wrapping(of id: KeyID, _ inventory: KeyInventory) -> [UInt8]? {
    inventory.standing.first { $0.signer.id == id }?.record.bytes
  }

  private func change(_ file: KeyFile, to passphrase: SecretBytes, _ cost: Int) throws -> Bool {
    let old = try keyRecord(in: file, try file.read(location: location))
    guard try old.unwrap(passphrase: passphrase) == nil else { return false }
    let new = try rewrapped(old, old.revision + 1, passphrase, cost).bytes
    do { try file.replace(new) } catch {
      if (try? file.readIfThere()) == new { tellDoubt() }
      throw error
    }
    return true
  }

  /// Does what comes when the new wrapping may stand: a failure is not to be taken for the word that the old passphrase counts.
  ///
  /// - Parameter leavesDoubt: Of which kinds of failures it is not known whether they have changed anything.
  private func tellingDoubt<Result>(
    where leavesDoubt: (StorageError.Kind) -> Bool = { _ in true }, _ body: () throws -> Result
  ) throws -> Result {
    do { return try body() } catch {
      if (error as? StorageError).map({ leavesDoubt($0.kind) }) ?? true { tellDoubt() }
      throw error
    }
  }

  private func tellDoubt() {
    context.remarks.add(
      Diagnosis(
        subject: "repository \(location)",
        problem: "The new passphrase may count already; then the old one opens nothing any more",
        suggestion: "Run the command again with the same new passphrase: it comes to its end with whichever counts"))
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
