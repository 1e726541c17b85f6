import CofferStorage
import CofferSystem
import Glibc

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

  static func header(in store: RunStore) throws -> RepositoryHeader? { try LockedRepository(in: store)?.header }

  /// The object that tells the repository from one that is made anew in its place, as it is there now.
  ///
  /// - Throws: `StorageError`.
  public func headerObject() throws -> [UInt8] {
    try context.store.get(RepositoryHeader.configName, limit: ObjectLimit.header)
  }

  /// Opens a repository with a passphrase of one of its keys.
  ///
  /// - Throws: `RepositoryError.notFound`; `.wrongPassphrase`; `.keysMissing`; `.keyFileMissing`; `.keyRemoved`;
  ///   `.damaged`; `.unsupported`; `StorageError`.
  public static func open(
    in store: any ObjectStore, passphrase: SecretBytes, surroundings: RepositorySurroundings
  ) throws -> Repository {
    guard let locked = try LockedRepository(in: store, surroundings) else {
      throw RepositoryError.notFound(location: store.location)
    }
    return try locked.open(passphrase, surroundings)
  }

  /// - Parameter remarks: Told of keys whose signatures do not count.
  static func open(
    header: RepositoryHeader, keys: KeyBundle, _ inventory: KeyInventory, in store: RunStore,
    surroundings: RepositorySurroundings, remarks: Remarks
  ) -> Repository {
    Repository(
      context: RepositoryContext(
        store: store, header: header, keys: keys,
        // The key that was opened needs nobody's word.
        signers: inventory.signers(besides: Signer(id: keys.id, role: keys.role, publicKey: keys.signingPublic)),
        surroundings: surroundings, remarks: remarks))
  }
}
