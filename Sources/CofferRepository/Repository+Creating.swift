import CofferStorage
import CofferSystem
import Foundation

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
    guard let rootPrivate = keys.rootPrivate, let keyName = KeyRecord.objectName(keys.id) else {
      throw RepositoryError.needsFullKey(location: store.location, action: "create a repository")
    }
    let record = try KeyRecord(
      wrapping: keys, rootPrivate: rootPrivate, passphrase: passphrase, logN: options.passphraseCost,
      created: surroundings.clock.now(), random: random)
    let keyFile = options.mode == .keyfile ? KeyFile(header: header, folder: surroundings.keyFolder) : nil
    try keyFile?.write(record.bytes)
    do {
      try store.putAlone(keyName, keyFile == nil ? record.bytes : record.withoutBundle)
      try store.putAlone(RepositoryHeader.configName, try header.encoded(indexKey: keys.indexKey))
    } catch {
      // A header that may have been put after all keeps its key; without one it would never open.
      if error is RunCancelled || (error as? StorageError)?.kind == .transient { throw error }
      // A key that no header names opens nothing, and would be passed over.
      try? store.unstoppable.delete(keyName)
      keyFile?.remove()
      throw error
    }
    removeKeys(besides: keyName, in: store.unstoppable)
    return try open(
      header: header, keys: keys, in: store, surroundings: surroundings, remarks: Remarks(surroundings.warn))
  }

  /// Removes the keys of programs that were killed before they had put a header, or whose header came too late. Whoever
  /// has put the header knows that every other key is none of this repository's; one that cannot be removed is passed over.
  private static func removeKeys(besides own: ObjectName, in store: RunStore) {
    for status in (try? store.list(KeyRecord.folder)) ?? [] where status.name != own {
      if KeyRecord.isFolderOrName(status.name.path) { try? store.delete(status.name) }
    }
  }

  /// Adds a key to the repository that can back up but neither read nor delete, opened by its own passphrase.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`.
  public func addWriteOnlyKey(passphrase: SecretBytes, passphraseCost: Int = 17) throws {
    guard let rootPrivate = context.keys.rootPrivate else {
      throw RepositoryError.needsFullKey(location: location, action: "add keys")
    }
    try context.header.refuseUnknownFeatures(location: location)
    let keys = try context.keys.writeOnly(random: context.random)
    let record = try KeyRecord(
      wrapping: keys, rootPrivate: rootPrivate, passphrase: passphrase, logN: passphraseCost,
      created: context.clock.now(), random: context.random)
    guard let name = KeyRecord.objectName(keys.id) else { return }
    try context.store.put(name, record.bytes)
  }
}
