import CofferConfiguration
import CofferRepository
import CofferStorage
import CofferSystem

/// A repository as the configuration or the command line names it.
struct RepositoryLocation: Sendable {
  let path: String
  let label: String?
  let encryption: String?
  /// Whether the folders above it may be made.
  let makesParents: Bool
  /// Its entry in the configuration, which may hold options of its own.
  let section: ConfigurationSection

  init(_ section: ConfigurationSection) {
    path = section[RepositoryEntryOptions.path]
    label = section[RepositoryEntryOptions.label]
    encryption = section[RepositoryEntryOptions.encryption]
    makesParents = section[RepositoryEntryOptions.makeParentDirectories]
    self.section = section
  }

  init(path: String) {
    self.path = path
    label = nil
    encryption = nil
    makesParents = false
    section = ConfigurationSection()
  }

  /// As messages and `--repository` name it.
  var name: String { label ?? path }

  /// Whether `--repository` means it: by path, label, or a pattern of either.
  func matches(_ wanted: String) -> Bool {
    let pattern = NamePattern(wanted)
    return path == wanted || label == wanted || pattern.matches(path) || label.map(pattern.matches) == true
  }

  /// The store that the path's scheme asks for. A new kind of storage is one more case.
  ///
  /// - Parameter console: Told of what the place cannot promise.
  func store(_ surroundings: Surroundings, _ console: Console) throws -> any ObjectStore {
    guard let folder = folder(surroundings) else { throw UnsupportedStorage(path: path) }
    return LocalDirectoryStore(root: folder) { console.warning(Console.text($0)) }
  }

  /// The folder of a repository on this machine; nil for one elsewhere.
  func folder(_ surroundings: Surroundings) -> String? {
    let local = path.after(beginning: "file://") ?? path
    let schemes = ["ssh:", "sftp:", "s3:", "b2:", "rclone:", "http:", "https:", "rest:"]
    guard !schemes.contains(where: { local.begins(with: $0) }) else { return nil }
    if let rest = local.after(beginning: "~"), rest.begins(with: "/") { return surroundings.environment.home + rest }
    let absolute = local.begins(with: "/") ? local : surroundings.currentFolder + "/" + local
    return absolute.utf8.count > 1 ? absolute.before(end: "/") ?? absolute : absolute
  }

  /// - Parameters:
  ///   - console: Told of what is wrong with the repository and stops nothing.
  ///   - unlockTimeout: Seconds for which an opened key is kept.
  func surroundings(
    _ surroundings: Surroundings, _ console: Console, unlockTimeout: Int, times: Timings? = nil
  ) -> RepositorySurroundings {
    let folder = surroundings.environment[.configuration] + "/coffer/keys"
    let caches = surroundings.environment[.cache] + "/coffer"
    return RepositorySurroundings(
      clock: surroundings.clock, random: surroundings.random, keyFolder: folder, cacheFolder: caches,
      openedKeys: unlockTimeout > 0 ? OpenedKeys(keeper: surroundings.secretKeeper, seconds: unlockTimeout) : nil,
      workers: surroundings.processors, times: times, warn: { console.warning(Console.text($0)) })
  }
}

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

/// A place that repositories cannot be kept in yet.
struct UnsupportedStorage: DiagnosableError, Equatable {
  let path: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "repository \(path)", problem: "Only local folders can hold a repository so far",
      suggestion: "Mount the place and use its path")
  }
}
