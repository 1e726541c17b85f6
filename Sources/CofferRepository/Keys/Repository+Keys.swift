import CofferStorage
import CofferSystem
import FoundationEssentials

/// A key of a repository, as people see it.
public struct RepositoryKey: Sendable {
  /// 32 hex digits.
  public let id: String
  public let role: KeyRole
  public let created: Date
  /// What it was called when it was made; empty for nothing. Whoever has a full key may have written anything here.
  public let label: String
  /// The machine that it was made on; empty when that is not known.
  public let hostname: String
  /// Whether it has opened the repository.
  public let isInUse: Bool
  /// When it was removed; nil for a key that stands.
  public let removed: Date?
}

extension Repository {
  /// Returns the keys, oldest first, and behind them those that were removed.
  ///
  /// - Throws: `StorageError`.
  public func keys() throws -> [RepositoryKey] {
    let inventory = try keyInventory()
    let standing = inventory.standing.map {
      key($0.signer, created: $0.record.clear.created, $0.record.description, removed: nil)
    }
    let removed = inventory.removed.values.map(\.record).map {
      key($0.signer, created: $0.created, $0.description, removed: $0.removed)
    }
    return [standing, removed].flatMap { $0.sorted { ($0.created, $0.id) < ($1.created, $1.id) } }
  }

  /// What it means that none of the keys, or not one alone, has an id that begins so.
  ///
  /// - Throws: As `keys`.
  public func noKey(_ beginning: String) throws -> RepositoryError {
    try keyInventory().noKey(beginning, location: location)
  }

  private func key(_ signer: Signer, created: Date, _ sealed: [UInt8]?, removed: Date?) -> RepositoryKey {
    let description = sealed.flatMap {
      KeyDescription(opening: $0, of: signer.id, indexKey: context.keys.indexKey)
    }
    return RepositoryKey(
      id: "\(signer.id)", role: signer.role, created: created, label: description?.label ?? "",
      hostname: description?.hostname ?? "", isInUse: signer.id == context.keys.id, removed: removed)
  }

  /// - Parameter removing: A key whose removal is under way.
  func keyInventory(removing: KeyID? = nil) throws -> KeyInventory {
    try KeyInventory(
      header: header, store: context.store, remarks: context.remarks, sideBySide: context.sideBySide,
      removing: removing)
  }

  /// The file on this machine that holds the key; nil when the keys are in the repository.
  public var keyFilePath: String? { keyFile?.path }

  /// The key file that opens the repository on this machine; nil when its keys are in the repository.
  var keyFile: KeyFile? {
    header.mode == .keyfile ? KeyFile(header: header, folder: context.surroundings.keyFolder) : nil
  }

  func keyRecord(in file: KeyFile, _ bytes: [UInt8]) throws -> KeyRecord {
    try KeyRecord(decoding: bytes, object: file.path, location: location)
  }
}

extension KeyInventory {
  /// The key, besides one, that a passphrase opens. One that cannot be tried is none.
  func key(openedBy passphrase: SecretBytes, besides own: KeyID? = nil) -> Signer? {
    standing.first { entry in
      guard entry.record.holdsBundle, entry.signer.id != own else { return false }
      return (try? entry.record.unwrap(passphrase: passphrase)) != nil
    }?.signer
  }
}
