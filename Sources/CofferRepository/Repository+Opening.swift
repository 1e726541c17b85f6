import CofferStorage
import CofferSystem
import Foundation

extension Repository {
  /// Looks whether a place holds a repository.
  ///
  /// - Returns: nil for an empty place, and for one where a program that was killed has begun to make a repository.
  /// - Throws: `RepositoryError.foreignContent` when something else is there; `.damaged`; `.unsupported`;
  ///   `StorageError`.
  public static func header(
    in store: any ObjectStore, cancellation: Cancellation? = nil
  ) throws -> RepositoryHeader? {
    try header(in: RunStore(store, cancellation))
  }

  static func header(in store: RunStore) throws -> RepositoryHeader? {
    do {
      let bytes = try store.get(RepositoryHeader.configName, limit: ObjectLimit.header)
      return try RepositoryHeader.decode(bytes, location: store.location)
    } catch StorageError.missing {
      if let other = try store.firstForeignEntry(besides: KeyRecord.isFolderOrName) {
        throw RepositoryError.foreignContent(location: store.location, example: other)
      }
      return nil
    }
  }

  /// Opens a repository with a passphrase of one of its keys.
  ///
  /// - Throws: `RepositoryError.notFound`; `.wrongPassphrase`; `.keyFileMissing`; `.damaged`; `.unsupported`;
  ///   `StorageError`.
  public static func open(
    in store: any ObjectStore, passphrase: SecretBytes, surroundings: RepositorySurroundings
  ) throws -> Repository {
    let store = RunStore(store, surroundings.cancellation)
    guard let header = try header(in: store) else {
      throw RepositoryError.notFound(location: store.location)
    }
    let remarks = Remarks(surroundings.warn)
    let keys = try surroundings.times.measure(.passphrase) {
      try KeyRing(header: header, store: store, surroundings: surroundings, remarks: remarks).open(passphrase)
    }
    return try open(header: header, keys: keys, in: store, surroundings: surroundings, remarks: remarks)
  }

  /// - Parameter remarks: Told of keys whose signatures do not count.
  static func open(
    header: RepositoryHeader, keys: KeyBundle, in store: RunStore, surroundings: RepositorySurroundings,
    remarks: Remarks
  ) throws -> Repository {
    let ring = KeyRing(header: header, store: store, surroundings: surroundings, remarks: remarks)
    let signers = try ring.storedRecords().compactMap { name, record in
      do {
        return try record.signer(rootPublic: keys.rootPublic, object: name.path, location: store.location)
      } catch {
        remarks.add(error, consequence: "it is passed over")
        return nil
      }
    }
    return Repository(
      context: RepositoryContext(
        store: store, header: header, keys: keys,
        // The key that was opened needs nobody's word.
        signers: SignerDirectory(signers + [Signer(id: keys.id, role: keys.role, publicKey: keys.signingPublic)]),
        surroundings: surroundings, remarks: remarks))
  }
}

/// The keys of a repository, of which one opens it. A key that is not readable, or not of this repository, keeps none of the
/// others from doing so.
struct KeyRing {
  let header: RepositoryHeader
  let store: RunStore
  let surroundings: RepositorySurroundings
  let remarks: Remarks

  /// Opens the first key that the passphrase fits, and makes sure that the header is the one that it belongs to.
  ///
  /// - Throws: `RepositoryError.wrongPassphrase`; `.keyFileMissing`; `.damaged`; `StorageError`.
  func open(_ passphrase: SecretBytes) throws -> KeyBundle {
    let records = try bundledRecords()
    let config = try store.get(RepositoryHeader.configName, limit: ObjectLimit.header)
    var failure: (any Error)?
    let openedKeys = surroundings.openedKeys
    for record in records {
      guard let keys = openedKeys?.bundle(of: record, passphrase: passphrase) else { continue }
      if (try? verify(keys, config)) != nil { return keys }
    }
    for record in records {
      do {
        guard let keys = try record.unwrap(passphrase: passphrase) else { continue }
        try verify(keys, config)
        try openedKeys?.keep(keys, of: record, passphrase: passphrase, random: surroundings.random)
        return keys
      } catch {
        failure = failure ?? error
      }
    }
    throw failure ?? RepositoryError.wrongPassphrase(location: store.location)
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
  /// that the root which the header names does not vouch for.
  private func bundledRecords() throws -> [KeyRecord] {
    if header.mode == .keyfile {
      let file = KeyFile(header: header, folder: surroundings.keyFolder)
      return [
        try KeyRecord(
          decoding: try file.read(location: store.location), object: file.path, location: store.location)
      ]
    }
    let records = try storedRecords().filter(\.record.holdsBundle)
    let root = Hexadecimal.decode(header.rootPublic) ?? []
    let ours = records.filter { name, record in
      (try? record.signer(rootPublic: root, object: name.path, location: store.location)) != nil
    }
    // Where none is vouched for, it is the header that was changed: opening one of them will tell.
    return (ours.isEmpty ? records : ours).map(\.record)
  }

  /// The keys in the repository that are readable; of the others it is said that they are passed over.
  func storedRecords() throws -> [(name: ObjectName, record: KeyRecord)] {
    try store.list(KeyRecord.folder).compactMap { status in
      do {
        guard KeyRecord.isFolderOrName(status.name.path) else {
          throw RepositoryError.damaged(
            object: status.name.path, location: store.location, detail: "its name is not one that keys have")
        }
        let bytes = try store.get(status.name, limit: ObjectLimit.key)
        let record = try KeyRecord(decoding: bytes, object: status.name.path, location: store.location)
        return (status.name, record)
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        remarks.add(error, consequence: "it is passed over")
        return nil
      }
    }
  }
}
