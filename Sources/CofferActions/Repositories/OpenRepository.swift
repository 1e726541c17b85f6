import CofferRepository
import CofferStorage
import CofferSystem

/// A repository that is open, and how it is called.
struct OpenRepository: Sendable {
  let location: RepositoryLocation
  let repository: Repository
  /// Where it is kept.
  let store: any ObjectStore

  /// Finds an archive to be read, by name, id, or `latest`: the newest that the filter sees and that counts, or may count if
  /// none does for sure.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`, `.voidArchive`; `NoArchiveSeen`.
  func archive(_ name: String, _ filter: ArchiveFilter) throws -> Archive {
    let archive = try anyArchive(name, filter)
    guard archive.standing != .void else { throw RepositoryError.voidArchive(archive.name, location: location.path) }
    return archive
  }

  /// Finds an archive as `archive` does, but also a void one that is named: to show it, or to take it away.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`; `NoArchiveSeen`.
  func anyArchive(_ name: String, _ filter: ArchiveFilter) throws -> Archive {
    let archives = try repository.archives()
    let inDoubt = archives.filter { $0.standing == .undecided }
    let certain = archives.filter { $0.standing == .counts }
    if name == "latest", let newest = certain.last ?? inDoubt.last {
      guard let found = certain.last(where: filter.sees) ?? inDoubt.last(where: filter.sees) else {
        throw NoArchiveSeen(repository: location.path, pattern: filter.text, newest: newest.name)
      }
      return found
    }
    // Of several archives of one name the newest that counts is meant; an id means one archive.
    let named = archives.filter { $0.name == name || $0.id == name }
    guard
      let found = named.last(where: { $0.id == name }) ?? named.last(where: { $0.standing != .void }) ?? named.last
    else {
      throw RepositoryError.noSuchArchive(name, location: location.path)
    }
    return found
  }
}

/// All archives of a repository have names that are not looked at.
struct NoArchiveSeen: DiagnosableError, Equatable {
  let repository: String
  let pattern: String
  let newest: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(repository)",
      problem: "It holds archives, but none with a name like '\(pattern)'; the newest is \(newest)",
      suggestion: "Name an archive, or add --match-archives '*'")
  }
}
