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
      if let other = try store.firstForeignEntry(besides: KeyName.isLeftOfCreation) {
        throw RepositoryError.foreignContent(location: store.location, example: other)
      }
      return nil
    }
  }

  /// Opens a repository with a passphrase of one of its keys.
  ///
  /// - Throws: `RepositoryError.notFound`; `.wrongPassphrase`; `.keysMissing`; `.keyFileMissing`; `.keyRemoved`;
  ///   `.damaged`; `.unsupported`; `StorageError`.
  public static func open(
    in store: any ObjectStore, passphrase: SecretBytes, surroundings: RepositorySurroundings
  ) throws -> Repository {
    let store = RunStore(store, surroundings.cancellation)
    guard let header = try header(in: store) else {
      throw RepositoryError.notFound(location: store.location)
    }
    let remarks = Remarks(surroundings.warn)
    let ring = KeyRing(header: header, store: store, surroundings: surroundings, remarks: remarks)
    let inventory = try KeyInventory(header: header, store: store, remarks: remarks)
    let keys = try surroundings.times.measure(.passphrase) { try ring.open(passphrase, inventory) }
    return open(
      header: header, keys: keys, inventory, in: store, surroundings: surroundings, remarks: remarks)
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
