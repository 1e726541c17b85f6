import CofferSystem

extension Repository {
  /// Returns what is known of whether dumps of these archives restore, in no order.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func proofs(of archives: [Archive]) throws -> [Proof] {
    guard !archives.isEmpty else { return [] }
    return try ProofStore(context).load(of: Set(archives.map { ExactName($0.id) }))
  }

  /// Returns what is known of whether databases' dumps restore, of archives that are gone, too, as far as it is kept; in no order.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  public func proofs() throws -> [Proof] { try ProofStore(context).load(of: nil) }

  /// Keeps what came of trying dumps of an archive, also when the run was asked to stop.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `.unsupported`; `StorageError`.
  public func put(_ proofs: [Proof], of archiveID: String) throws {
    try context.header.refuseUnknownFeatures(location: location)
    let store = try ProofStore(context.unstoppable)
    for start in stride(from: 0, to: proofs.count, by: ProofStore.countLimit) {
      try store.put(Array(proofs[start...].prefix(ProofStore.countLimit)), of: archiveID)
    }
  }
}
