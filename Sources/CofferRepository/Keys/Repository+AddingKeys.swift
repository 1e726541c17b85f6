import CofferStorage
import CofferSystem

/// What a further key is to be like.
public struct NewKey: Sendable {
  public var role: KeyRole
  /// For lists; at most `labelLimit` bytes.
  public var label: String
  public var hostname: String
  /// For `keyfile` repositories: where the key is written, to be carried to the machine that is to use it.
  public var file: String?
  public var passphraseCost: Int

  /// Bytes of a label.
  public static let labelLimit = KeyDescription.labelLimit

  public init(
    role: KeyRole, label: String = "", hostname: String = "", file: String? = nil,
    passphraseCost: Int = CreationOptions.standardPassphraseCost
  ) {
    self.role = role
    self.label = label
    self.hostname = hostname
    self.file = file
    self.passphraseCost = passphraseCost
  }
}

extension Repository {
  /// Adds a key, opened by its own passphrase. A key of the same role that the passphrase opens already is left as it is: it
  /// may be that of a run that was killed.
  ///
  /// - Returns: The key's id, and whether it is new.
  /// - Throws: `RepositoryError.needsFullKey`; `.passphraseInUse`; `StorageError`; `SystemError` when the file exists.
  public func addKey(_ new: NewKey, passphrase: SecretBytes) throws -> (id: String, isNew: Bool) {
    guard let rootPrivate = context.keys.rootPrivate else {
      throw RepositoryError.needsFullKey(location: location, action: "add keys")
    }
    try context.header.refuseUnknownFeatures(location: location)
    let inventory = try keyInventory()
    if let known = inventory.key(openedBy: passphrase) {
      guard known.role == new.role else {
        throw RepositoryError.passphraseInUse(location: location, key: "\(known.id)")
      }
      return ("\(known.id)", false)
    }
    let bundle = try context.keys.another(new.role, random: context.random)
    let record = try KeyRecord(
      wrapping: bundle, rootPrivate: rootPrivate, passphrase: passphrase, logN: new.passphraseCost,
      created: context.clock.now(), description: KeyDescription(label: new.label, hostname: new.hostname),
      random: context.random)
    guard let file = keyFile.map({ KeyFile(path: new.file ?? $0.path) }) else {
      try put(record.bytes, of: bundle.id)
      return ("\(bundle.id)", true)
    }
    if let left = try keyLeft(in: file, new.role, passphrase, inventory) {
      try put(left.withoutBundle(), of: left.id)
      return ("\(left.id)", true)
    }
    // First the file: a key that is only known to the repository opens nothing.
    try file.write(record.bytes)
    try put(record.withoutBundle(), of: bundle.id)
    return ("\(bundle.id)", true)
  }

  /// The key in a file that a run has left which was killed before it could tell the repository.
  private func keyLeft(
    in file: KeyFile, _ role: KeyRole, _ passphrase: SecretBytes, _ inventory: KeyInventory
  ) throws -> (id: KeyID, withoutBundle: () throws -> [UInt8])? {
    guard let bytes = try file.readIfThere(), let record = try? keyRecord(in: file, bytes),
      let signer = try? record.signer(rootPublic: context.keys.rootPublic, object: file.path, location: location),
      signer.role == role, inventory.removed[signer.id] == nil,
      (try? record.unwrap(passphrase: passphrase)) != nil
    else { return nil }
    return (signer.id, record.withoutBundle)
  }

  private func put(_ record: [UInt8], of id: KeyID) throws {
    guard let name = KeyName(id).object else { return }
    try context.store.put(name, record)
  }
}
