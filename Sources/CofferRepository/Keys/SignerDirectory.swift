import CofferStorage
import CofferSystem

/// The keys whose signatures can be told, by id, and what is left of those that were removed.
struct SignerDirectory: Sendable {
  private let signers: [KeyID: Signer]
  private let removed: [KeyID: KeyInventory.Removed]
  /// Objects of keys that the store could not read: whose signatures they vouch for is not known.
  let unread: [ObjectName]

  init(_ signers: [Signer], removed: [KeyID: KeyInventory.Removed] = [:], unread: [ObjectName] = []) {
    self.signers = Dictionary(signers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    self.removed = removed
    self.unread = unread
  }

  subscript(id: KeyID) -> Signer? { signers[id] }

  func isRemoved(_ id: KeyID) -> Bool { removed[id] != nil }

  /// Whether an archive counts that the key has signed. Of a removed write-only key those do that were there when it was
  /// removed; whoever has a full key could sign himself another one, so of those all do.
  func counts(_ archive: String, signedBy id: KeyID) -> Bool {
    guard let removal = removed[id], removal.record.signer.role == .writeOnly, let counting = removal.counting else {
      return true
    }
    return counting.ids.contains(ExactName(archive))
  }
}
