import CofferSystem
import Glibc

/// Finds and loads configuration files.
public struct ConfigurationLoader: Sendable {
  private let files: FileReader
  private let environment: ProcessEnvironment
  private let currentFolder: String
  private let options: OptionCatalogue

  /// - Parameters:
  ///   - currentFolder: What relative paths start from; absolute.
  ///   - options: What may stand in a file.
  public init(
    files: FileReader = .system, environment: ProcessEnvironment, currentFolder: String, options: OptionCatalogue
  ) {
    self.files = files
    self.environment = environment
    self.currentFolder = currentFolder
    self.options = options
  }

  // MARK: - Finding

  /// The files to load.
  public struct Found: Sendable, Equatable {
    public let paths: [String]
    /// Whether they are borgmatic's, there being none of Coffer's own.
    public let isBorgmatic: Bool
    /// Of the places where files are looked for by themselves, those that this user may not read, and why.
    public var unreadable: [ConfigurationError] = []
  }

  /// Returns the files to load: of folders, the `.yaml` and `.yml` files in the order of their names.
  ///
  /// - Parameter named: What the user named; each must exist. When empty, the places where Coffer's files are; when
  ///   none is there, those where borgmatic's are.
  /// - Throws: `ConfigurationError.noFiles`; `.unreadable`, of the usual places where one is there but fails, or where
  ///   those that may be read hold nothing.
  public func find(named: [String]) throws(ConfigurationError) -> Found {
    guard named.isEmpty else {
      // A variable of a script that is not set must not lead to whatever lies in the current folder.
      guard !named.contains(where: \.isEmpty) else {
        throw .unreadable(path: "--config ''", cause: SystemError(call: "open", subject: "", code: ENOENT))
      }
      var found: [String] = []
      for path in named.map(absolute) { found += try expand(path) }
      guard !found.isEmpty else { throw .noFiles(searched: named) }
      return Found(paths: found, isBorgmatic: false)
    }
    for brand in ["coffer", "borgmatic"] {
      let (found, unreadable) = try look(at: places(of: brand))
      if !found.isEmpty { return Found(paths: found, isBorgmatic: !brand.isSame(as: "coffer"), unreadable: unreadable) }
      if let first = unreadable.first { throw first }
    }
    throw .noFiles(searched: places(of: "coffer"))
  }

  /// What is not there is passed over. What is another user's business need not keep this one from his own.
  private func look(
    at places: [String]
  ) throws(ConfigurationError) -> (found: [String], unreadable: [ConfigurationError]) {
    var found: [String] = []
    var unreadable: [ConfigurationError] = []
    for place in places {
      do throws(ConfigurationError) {
        found += try expand(place)
      } catch {
        guard case .unreadable(_, let cause) = error else { throw error }
        switch cause.code {
        case ENOENT, ENOTDIR: continue
        case EACCES, EPERM: unreadable.append(error)
        default: throw error
        }
      }
    }
    return (found, unreadable)
  }

  private func places(of brand: String) -> [String] {
    let user = environment[.configuration]
    return ["/etc/\(brand)/config.yaml", "/etc/\(brand).d", "\(user)/\(brand)/config.yaml", "\(user)/\(brand).d"]
  }

  private func expand(_ path: String) throws(ConfigurationError) -> [String] {
    if let entries = files.entries(path) {
      return entries.filter { $0.ends(with: ".yaml") || $0.ends(with: ".yml") }.sorted().map { "\(path)/\($0)" }
    }
    do throws(SystemError) { _ = try files.read(path) } catch { throw .unreadable(path: path, cause: error) }
    return [path]
  }

  private func absolute(_ path: String) -> String {
    if path.begins(with: "/") { return path.isSame(as: "/") ? path : path.before(end: "/") ?? path }
    return UserPath.absolute(path, from: currentFolder, home: environment.home)
  }

  // MARK: - Loading

  /// Loads and validates one file.
  ///
  /// - Throws: `ConfigurationError`; all problems of the file together, in the order of their places.
  public func load(_ path: String, as reading: ConfigurationReading = .init()) throws -> Configuration {
    var documents = documentLoader
    let source = try documents.load(path)
    let document = PreparedDocument(source, reading: reading, environment: environment)
    var validator = Validator(top: options.top, variables: reading.variables)
    validator.check(document.node)
    var configuration = Configuration(
      path: path, root: ConfigurationSection(node: document.node), filesRead: documents.filesRead,
      notices: validator.notices, known: options)
    configuration.notices.deprecated = document.deprecated
    configuration.notices.exposed = SecretPlaces(in: source, top: options.top).files.intersection(
      documents.exposedFiles.map { ExactName($0) }
    )
    .map(\.text).sorted()
    configuration.notices.repeated = documents.repeated
    configuration.notices.ignored += Coherence.ignored(in: configuration)
    configuration.notices.remarks = Coherence.remarks(on: configuration)
    var problems = document.problems + validator.problems
    // What options mean to each other can be asked only when each is what it should be.
    if problems.isEmpty { problems = Coherence.problems(of: configuration) }
    guard problems.isEmpty else {
      throw ConfigurationError.invalid(
        path: path,
        problems.sorted {
          ($0.mark.file, $0.mark.line, $0.mark.column) < ($1.mark.file, $1.mark.line, $1.mark.column)
        })
    }
    return configuration
  }

  /// Takes the options of the command line alone, for actions that need no file.
  ///
  /// - Throws: `ConfigurationError`.
  public func load(_ reading: ConfigurationReading) throws -> Configuration {
    let mark = SourceMark(argument: "command line")
    let document = PreparedDocument(
      YAMLNode(.mapping([]), mark: mark), reading: reading, environment: environment)
    var validator = Validator(top: options.top, wantsRequired: false, variables: reading.variables)
    validator.check(document.node)
    let problems = document.problems + validator.problems
    guard problems.isEmpty else { throw ConfigurationError.invalid(path: mark.file, problems) }
    return Configuration(
      path: mark.file, root: ConfigurationSection(node: document.node), filesRead: [], notices: validator.notices,
      known: options)
  }

  /// Reads a file to be written anew, by today's spellings; its constants and variables stay as they are.
  ///
  /// - Parameter path: As the user wrote it.
  /// - Throws: `ConfigurationError` when the file is not valid.
  public func template(from path: String) throws -> ConfigurationTemplate {
    let path = absolute(path)
    _ = try load(path, as: ConfigurationReading(variables: .replacedIfSet))
    var documents = documentLoader
    var reading = ConfigurationReading(variables: .kept)
    reading.replacesConstants = false
    return ConfigurationTemplate(
      options, source: PreparedDocument(try documents.load(path), reading: reading, environment: environment).node)
  }

  private var documentLoader: DocumentLoader {
    DocumentLoader(files: files, home: environment.home)
  }
}
