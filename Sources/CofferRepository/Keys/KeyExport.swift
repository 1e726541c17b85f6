import CofferStorage
import CofferSystem

/// A key as it is kept outside of the repository: its record, wrapped by its passphrase as ever.
public struct KeyExport: Sendable {
  /// The repository's id, 32 hex digits; nil for a key file as it is, which does not say.
  public let repository: String?
  /// The key's id, 32 hex digits.
  public let key: String
  /// The bytes of the object, or of the key file.
  let record: [UInt8]

  /// Tells what was not copied or typed as it was: the first 8 bytes of BLAKE2b over repository, key and record, in hex.
  var checksum: String {
    get throws {
      let bytes = Array("coffer key \(repository ?? "") \(key) ".utf8) + record
      return Hexadecimal.encode(try ContentHasher.start(of: bytes, count: 8))
    }
  }
}

extension ContentHasher {
  /// The first bytes of the hash.
  static func start(of bytes: [UInt8], count: Int) throws -> [UInt8] {
    try bytes.withUnsafeBytes { try hash($0) }.withUnsafeBytes { Array($0.prefix(count)) }
  }
}

extension Repository {
  /// Returns a key to be kept elsewhere.
  ///
  /// - Parameter beginning: Of the key's id; nil for the one in use.
  /// - Throws: `RepositoryError.noSuchKey`; `.askedKeyUnread`; `.keyElsewhere`; `.keyRemoved`; `StorageError`; `SystemError`.
  public func exportKey(_ beginning: String? = nil) throws -> KeyExport {
    let inventory = try keyInventory()
    guard let id = beginning.map({ inventory.key(beginning: $0) }) ?? context.keys.id else {
      throw inventory.noKey(beginning ?? "", location: location)
    }
    guard inventory.removed[id] == nil else { throw RepositoryError.keyRemoved(location: location, key: "\(id)") }
    if let keyFile {
      guard id == context.keys.id else { throw RepositoryError.keyElsewhere(location: location, key: "\(id)") }
      return KeyExport(repository: header.id, key: "\(id)", record: try keyFile.read(location: location))
    }
    guard let entry = inventory.standing.first(where: { $0.signer.id == id }) else {
      throw inventory.noKey("\(id)", location: location)
    }
    return KeyExport(repository: header.id, key: "\(id)", record: entry.record.bytes)
  }

  /// Puts an exported key back where it belongs: into the repository, or, for a `keyfile` one, into the key's file on this
  /// machine. Needs no passphrase: that the root vouches for the key is seen without.
  ///
  /// - Returns: Whether anything was missing.
  /// - Throws: `RepositoryError.notFound`; `.unusableExport`; `.keyRemoved`; `.unsupported` where the repository would
  ///   have to be written to; `StorageError`; `SystemError` when the key file exists and is another.
  public static func importKey(
    _ export: KeyExport, in store: any ObjectStore, surroundings: RepositorySurroundings
  ) throws -> Bool {
    let store = RunStore(store, surroundings.cancellation)
    let location = store.location
    guard let header = try header(in: store) else { throw RepositoryError.notFound(location: location) }
    if let repository = export.repository, repository != header.id {
      throw RepositoryError.unusableExport(
        location: location, detail: "it is of the repository \(repository), this one is \(header.id)")
    }
    guard let record = try? KeyRecord(decoding: export.record, object: export.key, location: location),
      let signer = try? record.signer(
        rootPublic: Hexadecimal.decode(header.rootPublic) ?? [], object: export.key, location: location),
      "\(signer.id)" == export.key, record.holdsBundle
    else {
      throw RepositoryError.unusableExport(location: location, detail: "the repository's root has not signed it")
    }
    let inventory = try KeyInventory(header: header, store: store, remarks: Remarks(surroundings.warn))
    guard inventory.removed[signer.id] == nil else {
      throw RepositoryError.keyRemoved(location: location, key: export.key)
    }
    let present = inventory.standing.first { $0.signer.id == signer.id }
    if header.mode == .keyfile {
      let file = KeyFile(header: header, folder: surroundings.keyFolder)
      let isMissing = try file.readIfThere() != export.record
      try file.settle(export.record)
      guard present == nil, let name = KeyName(signer.id).object else { return isMissing }
      try header.refuseUnknownFeatures(location: location)
      try store.put(name, try record.withoutBundle())
      return true
    }
    if let present {
      guard present.record.revision <= record.revision else {
        throw RepositoryError.unusableExport(
          location: location, detail: "its passphrase was changed since, and the repository has the new one")
      }
      if present.record.bytes == record.bytes { return false }
    }
    guard let name = KeyName(signer.id, revision: record.revision).object else { return false }
    try header.refuseUnknownFeatures(location: location)
    do {
      try store.put(name, record.bytes)
    } catch StorageError.occupied {
      throw RepositoryError.unusableExport(
        location: location, detail: "another object is at \(name); if it is damaged, take it away first")
    }
    return true
  }
}
