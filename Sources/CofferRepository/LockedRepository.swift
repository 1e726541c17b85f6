import CofferStorage
import CofferSystem

/// A repository that was found at its place, and that no key has opened yet.
public struct LockedRepository: Sendable {
  public let header: RepositoryHeader
  /// The header's object.
  private let config: [UInt8]
  private let store: RunStore
  /// The objects of keys, as a far store listed them while the header was read; and when that was, in seconds of the steady clock.
  private var listedKeys: (statuses: [ObjectStatus], time: Double)?

  /// Seconds for which that list is as good as a new one: nobody types a passphrase meanwhile.
  private static let listLifetime: Double = 5

  /// Looks whether a place holds a repository.
  ///
  /// - Parameter surroundings: A store that is far away is asked for what is needed next at the same time.
  /// - Returns: nil for an empty place, and for one where a program that was killed has begun to make a repository.
  /// - Throws: `RepositoryError.foreignContent` when something else is there; `.damaged`; `.unsupported`;
  ///   `StorageError`.
  public init?(in store: any ObjectStore, _ surroundings: RepositorySurroundings) throws {
    let store = RunStore(store, surroundings.cancellation)
    let cacheFolder = surroundings.cacheFolder
    guard surroundings.isFar else {
      try self.init(in: store, cacheFolder: cacheFolder)
      return
    }
    let time = surroundings.clock.steadySeconds()
    let (found, keys) = try SideBySide(width: 2).both(
      { try LockedRepository(in: store, cacheFolder: cacheFolder) },
      { Result { try store.list(KeyName.folder) } })
    guard let found else { return nil }
    self = found
    listedKeys = (try keys.get(), time)
  }

  init?(in store: RunStore, cacheFolder: String? = nil) throws {
    try OpenSSLLibrary.open()
    self.store = store
    do {
      let sizes = HeaderSizes(cacheFolder, location: store.location)
      if let (config, header) = try Self.read(sizes.size, store) {
        (self.config, self.header) = (config, header)
        return
      }
      config = try store.get(RepositoryHeader.configName, limit: ObjectLimit.header)
      header = try RepositoryHeader.decode(config, location: store.location)
      sizes.keep(config.count)
    } catch StorageError.missing {
      if let other = try store.firstForeignEntry(besides: KeyName.isLeftOfCreation) {
        throw RepositoryError.foreignContent(location: store.location, example: other)
      }
      return nil
    }
  }

  /// - Returns: nil when the header does not have that size.
  private static func read(_ size: Int?, _ store: RunStore) throws -> (config: [UInt8], header: RepositoryHeader)? {
    guard let size else { return nil }
    do {
      let config = try store.get(RepositoryHeader.configName, range: 0..<size)
      return (config, try RepositoryHeader.decode(config, location: store.location))
    } catch StorageError.truncated {
      return nil
    } catch RepositoryError.damaged {
      return nil  // Maybe it only goes on behind that.
    }
  }

  /// Opens the repository with a passphrase of one of its keys.
  ///
  /// - Parameter ahead: The passphrase as it was stretched while the repository was looked for.
  /// - Throws: `RepositoryError.wrongPassphrase`; `.keysMissing`; `.keyFileMissing`; `.keyRemoved`; `.damaged`;
  ///   `StorageError`.
  public func open(
    _ passphrase: SecretBytes, _ surroundings: RepositorySurroundings, _ ahead: StretchedAhead? = nil
  ) throws -> Repository {
    let remarks = Remarks(surroundings.warn)
    let ring = KeyRing(header: header, store: store, surroundings: surroundings, remarks: remarks)
    let isFresh = listedKeys.map { surroundings.clock.steadySeconds() - $0.time < Self.listLifetime } ?? false
    let inventory = try KeyInventory(
      header: header, store: store, remarks: remarks, sideBySide: surroundings.sideBySide,
      listed: isFresh ? listedKeys?.statuses : nil)
    let keys = try surroundings.times.measure(.passphrase) {
      try ring.open(passphrase, inventory, config: config, ahead)
    }
    return Repository.open(
      header: header, keys: keys, inventory, in: store, surroundings: surroundings, remarks: remarks)
  }
}
