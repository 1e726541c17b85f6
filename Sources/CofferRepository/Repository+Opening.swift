import CofferStorage
import CofferSystem
import Foundation

extension Repository {
  /// Looks whether a place holds a repository.
  ///
  /// - Returns: nil for an empty place.
  /// - Throws: `RepositoryError.foreignContent` when something else is there; `.damaged`; `.unsupported`;
  ///   `StorageError`.
  public static func header(in store: any ObjectStore) throws -> RepositoryHeader? {
    do {
      let bytes = try store.get(RepositoryHeader.configName)
      return try RepositoryHeader.decode(bytes, location: store.location)
    } catch StorageError.missing {
      if let other = try store.firstForeignEntry() {
        throw RepositoryError.foreignContent(location: store.location, example: other)
      }
      return nil
    }
  }

  /// Creates a repository in an empty place and opens it.
  ///
  /// - Throws: `RepositoryError.foreignContent`; `.differentMode`; `StorageError.exists` when a repository is
  ///   there already.
  public static func create(
    in store: any ObjectStore, options: RepositoryOptions, passphrase: SecretBytes,
    surroundings: RepositorySurroundings
  ) throws -> Repository {
    if let existing = try header(in: store) {
      throw existing.mode == options.mode
        ? StorageError.exists(RepositoryHeader.configName, location: store.location)
        : RepositoryError.differentMode(
          location: store.location, existing: existing.mode, requested: options.mode)
    }
    let random = surroundings.random
    let keys = try KeyBundle.generate(random: random)
    let header = RepositoryHeader(
      format: RepositoryHeader.currentFormat, id: Hexadecimal.encode(try random.bytes(16)),
      mode: options.mode, chunker: options.chunker, packTarget: options.packTarget,
      idSuite: RepositoryHeader.currentIDSuite,
      cipherSuite: CipherSuite.aes256gcm.rawValue, rootPublic: Hexadecimal.encode(keys.rootPublic))
    guard let rootPrivate = keys.rootPrivate, let keyName = KeyRecord.objectName(keys.id) else {
      throw RepositoryError.needsFullKey(location: store.location, action: "create a repository")
    }
    let record = try KeyRecord(
      wrapping: keys, rootPrivate: rootPrivate, passphrase: passphrase, logN: options.passphraseCost,
      created: surroundings.clock.now(), random: random)
    if options.mode == .keyfile {
      try KeyFile(header: header, folder: surroundings.keyFolder).write(record.bytes)
    }
    try store.put(keyName, options.mode == .keyfile ? record.withoutBundle : record.bytes)
    try store.put(RepositoryHeader.configName, try header.encoded(indexKey: keys.indexKey))
    return try open(header: header, keys: keys, in: store, surroundings: surroundings)
  }

  /// Opens a repository with a passphrase of one of its keys.
  ///
  /// - Throws: `RepositoryError.notFound`; `.wrongPassphrase`; `.keyFileMissing`; `.damaged`; `.unsupported`;
  ///   `StorageError`.
  public static func open(
    in store: any ObjectStore, passphrase: SecretBytes, surroundings: RepositorySurroundings
  ) throws -> Repository {
    guard let header = try header(in: store) else {
      throw RepositoryError.notFound(location: store.location)
    }
    let unwrapped = try surroundings.times.measure(.passphrase) {
      try unwrap(header: header, in: store, passphrase: passphrase, surroundings: surroundings)
    }
    guard let keys = unwrapped else { throw RepositoryError.wrongPassphrase(location: store.location) }
    let bytes = try store.get(RepositoryHeader.configName)
    try RepositoryHeader.verify(bytes, header: header, indexKey: keys.indexKey, location: store.location)
    guard header.rootPublic == Hexadecimal.encode(keys.rootPublic) else {
      throw RepositoryError.damaged(
        object: RepositoryHeader.configName.path, location: store.location,
        detail: "it names another root key than the key that was opened")
    }
    return try open(header: header, keys: keys, in: store, surroundings: surroundings)
  }

  private static func unwrap(
    header: RepositoryHeader, in store: any ObjectStore, passphrase: SecretBytes,
    surroundings: RepositorySurroundings
  ) throws -> KeyBundle? {
    let records = try bundledRecords(header: header, in: store, surroundings: surroundings)
    let openedKeys = surroundings.openedKeys
    for record in records {
      if let keys = openedKeys?.bundle(of: record, passphrase: passphrase) { return keys }
    }
    for record in records {
      if let keys = try record.unwrap(passphrase: passphrase) {
        try openedKeys?.keep(keys, of: record, passphrase: passphrase, random: surroundings.random)
        return keys
      }
    }
    return nil
  }

  /// The records that hold a wrapped bundle, in the repository or on this machine.
  private static func bundledRecords(
    header: RepositoryHeader, in store: any ObjectStore, surroundings: RepositorySurroundings
  ) throws -> [KeyRecord] {
    if header.mode == .keyfile {
      let file = KeyFile(header: header, folder: surroundings.keyFolder)
      let record = try KeyRecord(
        decoding: try file.read(location: store.location), object: file.path, location: store.location)
      return [record]
    }
    return try store.list(KeyRecord.folder).map { status in
      try KeyRecord(
        decoding: try store.get(status.name), object: status.name.path, location: store.location)
    }.filter(\.holdsBundle)
  }

  private static func open(
    header: RepositoryHeader, keys: KeyBundle, in store: any ObjectStore, surroundings: RepositorySurroundings
  ) throws -> Repository {
    var signers: [Signer] = []
    for status in try store.list(KeyRecord.folder) {
      let record = try KeyRecord(
        decoding: try store.get(status.name), object: status.name.path, location: store.location)
      signers.append(try record.signer(rootPublic: keys.rootPublic, location: store.location))
    }
    return Repository(
      context: RepositoryContext(
        store: store, header: header, keys: keys, signers: SignerDirectory(signers),
        surroundings: surroundings))
  }
}

extension Repository {
  /// Adds a key to the repository that can back up but neither read nor delete, opened by its own passphrase.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`.
  public func addWriteOnlyKey(passphrase: SecretBytes, passphraseCost: Int = 17) throws {
    guard let rootPrivate = context.keys.rootPrivate else {
      throw RepositoryError.needsFullKey(location: location, action: "add keys")
    }
    let keys = try context.keys.writeOnly(random: context.random)
    let record = try KeyRecord(
      wrapping: keys, rootPrivate: rootPrivate, passphrase: passphrase, logN: passphraseCost,
      created: context.clock.now(), random: context.random)
    guard let name = KeyRecord.objectName(keys.id) else { return }
    try context.store.put(name, record.bytes)
  }
}
