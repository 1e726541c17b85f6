import CofferStorage
import CofferSystem

extension Repository {
  /// Which of these archives are to stay, and why.
  ///
  /// - Parameter mustKnow: Whether what cannot be known is an error, and not only told: for who takes away what is not pinned.
  /// - Throws: `StorageError`; `RunCancelled`.
  public func pins(of archives: [Archive], mustKnow: Bool = false) throws -> ArchivePins {
    guard !archives.isEmpty else { return .none }
    return try PinStore(context).load(of: Set(archives.map { ExactName($0.id) }), mustKnow: mustKnow)
  }

  /// Has an archive stay until it is unpinned.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `.noSuchArchive` when it was taken away meanwhile; `StorageError`; `RunCancelled`.
  public func pin(_ archive: Archive, _ pin: ArchivePin) throws {
    try context.header.refuseUnknownFeatures(location: location)
    guard let record = ObjectName("\(ArchiveRecord.folder)/\(archive.id)") else {
      throw RepositoryError.noSuchArchive(archive.name, location: location)
    }
    let store = try PinStore(context)
    try store.put(pin, on: archive.id)
    // Who takes archives away looks for pins before each: either that one has seen this pin, or it is seen here what it did.
    do {
      _ = try context.store.status(of: record)
    } catch StorageError.missing {
      _ = try store.remove(from: archive.id)
      throw RepositoryError.noSuchArchive(archive.name, location: location)
    }
  }

  /// Takes the pins of an archive away.
  ///
  /// - Parameter archiveID: Also of one that cannot be read, or is gone.
  /// - Returns: Whether it was pinned.
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  public func unpin(_ archiveID: String) throws -> Bool {
    try context.header.refuseUnknownFeatures(location: location)
    return try PinStore(context).remove(from: archiveID)
  }
}
