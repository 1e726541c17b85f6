import CofferStorage
import CofferSystem
import Glibc

extension Repository {
  /// Creates a repository in an empty place, or in one where a program that was killed has begun to, and opens it.
  ///
  /// Of several programs that create one in the same place at the same moment one succeeds.
  ///
  /// - Throws: `RepositoryError.foreignContent`; `.differentMode`; `StorageError.exists` when a repository is
  ///   there already.
  public static func create(
    in store: any ObjectStore, options: CreationOptions, passphrase: SecretBytes,
    surroundings: RepositorySurroundings
  ) throws -> Repository {
    let store = RunStore(store, surroundings.cancellation)
    if let existing = try header(in: store) {
      throw existing.mode == options.mode
        ? StorageError.exists(RepositoryHeader.configName, location: store.location)
        : RepositoryError.differentMode(
          location: store.location, existing: existing.mode, requested: options.mode)
    }
    try store.makePlace()
    let random = surroundings.random
    let keys = try KeyBundle.generate(random: random)
    let header = RepositoryHeader(
      format: RepositoryHeader.currentFormat, id: Hexadecimal.encode(try random.bytes(16)),
      mode: options.mode, chunker: options.chunker, packTarget: options.packTarget,
      idSuite: RepositoryHeader.currentIDSuite,
      cipherSuite: CipherSuite.aes256gcm.rawValue, rootPublic: Hexadecimal.encode(keys.rootPublic),
      features: RepositoryHeader.knownFeatures)
    guard let rootPrivate = keys.rootPrivate, let keyName = KeyName(keys.id).object else {
      throw RepositoryError.needsFullKey(location: store.location, action: "create a repository")
    }
    let record = try KeyRecord(
      wrapping: keys, rootPrivate: rootPrivate, passphrase: passphrase, logN: options.passphraseCost,
      created: surroundings.clock.now(),
      description: options.hostname.map { KeyDescription(label: "", hostname: $0) }, random: random)
    let keyFile = options.mode == .keyfile ? KeyFile(header: header, folder: surroundings.keyFolder) : nil
    try keyFile?.write(record.bytes)
    try surroundings.openedKeys?.keep(keys, of: record, passphrase: passphrase, random: random)
    do {
      try store.putAlone(keyName, keyFile == nil ? record.bytes : record.withoutBundle())
      try store.putAlone(RepositoryHeader.configName, try header.encoded(indexKey: keys.indexKey))
    } catch {
      // A header that may have been put after all keeps its key; without one it would never open.
      if error is RunCancelled || (error as? StorageError)?.kind == .transient { throw error }
      // A key that no header names opens nothing, and would be passed over.
      try? store.unstoppable.delete(keyName)
      keyFile?.remove()
      throw error
    }
    removeKeys(of: header, in: store.unstoppable)
    let remarks = Remarks(surroundings.warn)
    return open(
      header: header, keys: keys, try KeyInventory(header: header, store: store, remarks: remarks), in: store,
      surroundings: surroundings, remarks: remarks)
  }

  /// Removes the keys of programs that were killed before they had put a header, or whose header came too late. Whoever
  /// has put the header knows that every key which its root has not signed is none of this repository's; one that cannot be
  /// read or removed is passed over.
  private static func removeKeys(of header: RepositoryHeader, in store: RunStore) {
    let root = Hexadecimal.decode(header.rootPublic) ?? []
    for status in (try? store.list(KeyName.folder)) ?? [] where KeyName.isLeftOfCreation(status.name.path) {
      guard let bytes = try? store.get(status.name, limit: ObjectLimit.key) else { continue }
      let record = try? KeyRecord(decoding: bytes, object: status.name.path, location: store.location)
      let signer = try? record?.signer(rootPublic: root, object: status.name.path, location: store.location)
      if signer == nil { try? store.delete(status.name) }
    }
  }
}
