import CofferSystem
import Foundation

/// Finds and loads configuration files.
public struct ConfigurationLoader: Sendable {
  private let files: FileReader
  private let environment: ProcessEnvironment
  private let currentFolder: String

  /// - Parameter currentFolder: What relative paths start from; absolute.
  public init(files: FileReader = .system, environment: ProcessEnvironment, currentFolder: String) {
    self.files = files
    self.environment = environment
    self.currentFolder = currentFolder
  }

  /// The places that are looked at when none is named.
  public var searchPaths: [String] {
    let user = environment["XDG_CONFIG_HOME"] ?? (environment["HOME"] ?? "/root") + "/.config"
    return ["/etc/coffer/config.yaml", "/etc/coffer.d", "\(user)/coffer/config.yaml", "\(user)/coffer.d"]
  }

  /// Returns the files to load: of folders, the `.yaml` and `.yml` files in the order of their names.
  ///
  /// - Parameter named: What the user named; each must exist. Empty for the search paths, of which one must.
  /// - Throws: `ConfigurationError.noFiles`, `.unreadable`.
  public func find(named: [String]) throws(ConfigurationError) -> [String] {
    guard named.isEmpty else {
      var found: [String] = []
      for path in named.map(absolute) { found += try expand(path) }
      guard !found.isEmpty else { throw .noFiles(searched: named) }
      return found
    }
    let found = searchPaths.flatMap { (try? expand($0)) ?? [] }
    guard !found.isEmpty else { throw .noFiles(searched: searchPaths) }
    return found
  }

  private func expand(_ path: String) throws(ConfigurationError) -> [String] {
    if let entries = files.entries(path) {
      return entries.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { "\(path)/\($0)" }
    }
    do throws(SystemError) { _ = try files.read(path) } catch { throw .unreadable(path: path, cause: error) }
    return [path]
  }

  private func absolute(_ path: String) -> String {
    if path.hasPrefix("~/"), let home = environment["HOME"] { return home + path.dropFirst() }
    if path.hasPrefix("/") { return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }
    return currentFolder == "/" ? "/\(path)" : "\(currentFolder)/\(path)"
  }

  /// Loads and validates one file.
  ///
  /// - Throws: `ConfigurationError`; all problems of the file together, in the order of their places.
  public func load(_ path: String) throws -> Configuration {
    var loader = DocumentLoader(files: files, environment: environment)
    let document = try loader.load(path)
    var validator = Validator()
    validator.check(document)
    guard validator.problems.isEmpty else {
      throw ConfigurationError.invalid(
        path: path,
        validator.problems.sorted {
          ($0.mark.file, $0.mark.line, $0.mark.column) < ($1.mark.file, $1.mark.line, $1.mark.column)
        })
    }
    return Configuration(
      path: path, root: ConfigurationSection(node: document), filesRead: loader.filesRead, notices: validator.notices)
  }
}

/// One validated configuration file, with what it includes.
public struct Configuration: Sendable {
  public let path: String
  public let root: ConfigurationSection
  /// The file and everything it included.
  public let filesRead: [String]
  /// What its writer should know although it can be used.
  public let notices: ConfigurationNotices

  public var repositories: [ConfigurationSection] { root[GeneralOptions.repositories] ?? [] }
}
