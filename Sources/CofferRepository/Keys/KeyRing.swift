import CofferStorage
import CofferSystem

/// The keys of a repository, of which one opens it. A key that is not readable, or not of this repository, keeps none of the
/// others from doing so.
struct KeyRing {
  let header: RepositoryHeader
  let store: RunStore
  let surroundings: RepositorySurroundings
  let remarks: Remarks

  /// Opens the first key that the passphrase fits, and makes sure that the header is the one that it belongs to.
  ///
  /// - Parameters:
  ///   - config: The object that the header is of.
  ///   - ahead: A passphrase that was stretched meanwhile.
  /// - Throws: `RepositoryError.wrongPassphrase`; `.keyUnread`; `.keysMissing`; `.keyFileMissing`;
  ///   `.keyRemoved`; `.damaged`; `StorageError`.
  func open(
    _ passphrase: SecretBytes, _ inventory: KeyInventory, config: [UInt8], _ ahead: StretchedAhead? = nil
  ) throws -> KeyBundle {
    let records = try candidates(inventory)
    guard !records.isEmpty else {
      try refuseUnread(inventory)
      tellLostKeys()
      throw RepositoryError.keysMissing(location: store.location)
    }
    var failure: (any Error)?
    let openedKeys = surroundings.openedKeys
    for record in records {
      guard let keys = openedKeys?.bundle(of: record, passphrase: passphrase) else { continue }
      if (try? verify(keys, config)) != nil { return keys }
    }
    for record in records {
      do {
        guard let keys = try record.unwrap(passphrase: passphrase, ahead) else { continue }
        try verify(keys, config)
        if surroundings.isFar { KnownKey(surroundings.cacheFolder, location: store.location).keep(record) }
        try openedKeys?.keep(keys, of: record, passphrase: passphrase, random: surroundings.random)
        return keys
      } catch {
        failure = failure ?? error
      }
    }
    if failure == nil {
      if header.mode == .repokey { try refuseUnread(inventory) }
      tellLostKeys()
    }
    throw failure ?? RepositoryError.wrongPassphrase(location: store.location)
  }

  /// Where no key opens, the right one may be what the store could not read.
  private func refuseUnread(_ inventory: KeyInventory) throws(RepositoryError) {
    guard let object = inventory.unread.first(where: { KeyName($0.path) != nil }) else { return }
    throw .keyUnread(location: store.location, object: object.path)
  }

  /// Where no key opens, the right one may be what is not listed: an object that has lost its bytes, or was replaced.
  private func tellLostKeys() {
    guard let lost = try? store.unlistedEntries(in: KeyName.folder, depth: 1) else { return }
    for path in lost.sorted() where KeyName(path) != nil {
      remarks.add(
        Diagnosis(
          subject: "repository \(store.location)",
          problem: "\(path) is no file, or an empty one: a key has lost its bytes or was replaced",
          suggestion: "Put the file back from a copy of the repository, or the key with "
            + "'coffer key import --repository \(Quoting.pastedWord(store.location))'"))
    }
  }

  private func verify(_ keys: KeyBundle, _ config: [UInt8]) throws {
    try RepositoryHeader.verify(config, header: header, indexKey: keys.indexKey, location: store.location)
    guard header.rootPublic == Hexadecimal.encode(keys.rootPublic) else {
      throw RepositoryError.damaged(
        object: RepositoryHeader.configName.path, location: store.location,
        detail: "it names another root key than the key that was opened")
    }
  }

  /// The records that hold a wrapped bundle, in the repository or on this machine. The passphrase is stretched for none
  /// that the root which the header names does not vouch for, and last for those on which it takes longest: the holder of a
  /// key may have wrapped it as he likes.
  func candidates(_ inventory: KeyInventory) throws -> [KeyRecord] {
    if header.mode == .keyfile {
      let file = KeyFile(header: header, folder: surroundings.keyFolder)
      let record = try KeyRecord(
        decoding: try file.read(location: store.location), object: file.path, location: store.location)
      guard KeyID(hex: record.clear.id).flatMap({ inventory.removed[$0] }) == nil else {
        throw RepositoryError.keyRemoved(location: store.location, key: record.clear.id)
      }
      return [record]
    }
    let ours = inventory.standing.filter(\.record.holdsBundle)
    // Where none is vouched for, it is the header that was changed: opening one of them will tell.
    guard !ours.isEmpty else { return inventory.strangers.filter(\.holdsBundle) }
    func rank(_ entry: KeyInventory.Entry) -> (Int, Int) { (entry.record.cost, entry.signer.role == .full ? 0 : 1) }
    return ours.sorted { rank($0) < rank($1) }.map(\.record)
  }
}
