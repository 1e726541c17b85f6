import CofferRepository
import CofferSystem

/// A repository that is open, and how it is called.
struct OpenRepository: Sendable {
  let location: RepositoryLocation
  let repository: Repository

  /// Finds an archive by name, id, or `latest`: the newest that the filter sees.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`; `NoArchiveSeen`.
  func archive(_ name: String, _ filter: ArchiveFilter) throws -> Archive {
    let archives = try repository.archives()
    if name == "latest", !archives.isEmpty {
      guard let found = archives.last(where: filter.sees) else {
        throw NoArchiveSeen(repository: location.path, pattern: filter.text, newest: archives[archives.count - 1].name)
      }
      return found
    }
    guard let found = archives.last(where: { $0.name == name || $0.id == name }) else {
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
