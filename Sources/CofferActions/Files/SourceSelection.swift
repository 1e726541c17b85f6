import CofferConfiguration
import CofferRepository
import CofferSystem
import Glibc

/// The sources of a configuration, read and looked for.
struct SourceSelection {
  private(set) var roots: [SourceRoot] = []
  private(set) var rules = SourceRules()
  /// What is to be said about it before the backup begins.
  private(set) var warnings: [String] = []
  let kept: KeptFacts

  /// Sources that are not there.
  struct Missing: DiagnosableError, Equatable {
    let paths: [String]

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: paths.joined(separator: ", "), problem: "There is no such file or folder to back up",
        suggestion: "Correct source_directories, or set source_directories_must_exist: false")
    }
  }

  /// - Parameters:
  ///   - folder: What relative paths start from; absolute.
  ///   - repositories: The repositories that are folders of this machine.
  /// - Throws: `PatternError`; `Missing`.
  init(
    _ section: ConfigurationSection, folder: String, home: String?, files: FileReader = .system,
    repositories: [String] = []
  ) throws {
    kept = KeptFacts(section)
    func lines(_ key: OptionKey<[String]>) throws -> [[String]] {
      try section[key].map { path throws(PatternError) in
        do throws(SystemError) {
          let bytes = try files.read(UserPath.absolute(path, from: folder, home: home))
          return String(decoding: bytes, as: UTF8.self).lines()
        } catch {
          throw .unreadable(option: key.name, error)
        }
      }
    }
    var patterns = PatternLines()
    try patterns.add(lines: section[SourceOptions.patterns])
    try patterns.add(excludes: section[SourceOptions.excludePatterns])
    for file in try lines(SourceOptions.patternsFrom) { try patterns.add(lines: file) }
    for file in try lines(SourceOptions.excludeFrom) { try patterns.add(excludes: file) }
    rules.patterns = patterns.patterns
    rules.marks = FolderMarks(
      caches: section[SourceOptions.excludeCaches], names: section[SourceOptions.excludeIfPresent])
    rules.keepsMarks = section[SourceOptions.keepExcludeTags]
    rules.excludesNoDump = section[SourceOptions.excludeNoDump]
    rules.staysOnFileSystem = section[SourceOptions.oneFileSystem]
    rules.mounts = .current()
    rules.repositories = Set(repositories.compactMap { FileIdentity(path: $0) })
    let sources = section[GeneralOptions.sourceDirectories] + patterns.roots
    try find(sources, folder: folder, home: home, mustExist: section[SourceOptions.mustExist])
  }

  private mutating func find(_ sources: [String], folder: String, home: String?, mustExist: Bool) throws {
    var missing: [String] = []
    for root in sources.flatMap({ SourceRoot.find($0, from: folder, home: home) }) where !roots.contains(root) {
      switch Result(catching: { () throws(SystemError) in try FoundFile(root.path) }) {
      case .failure(let error) where error.isVanishing: missing.append(root.text)
      case .failure(let error): throw error
      case .success(let found):
        roots.append(root)
        guard found.kind == .link else { continue }
        warnings.append("\(root.text): This source is a link; the link is backed up, not what it leads to")
      }
    }
    guard missing.isEmpty || !mustExist else { throw Missing(paths: missing) }
    warnings += missing.map { "\($0): This source is missing; the backup is made without it" }
  }
}
