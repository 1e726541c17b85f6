import CofferSystem
import FoundationEssentials
import Glibc

/// The versions of PostgreSQL's client programs that are installed side by side.
public struct PostgreSQLInstallations: Sendable, Equatable {
  /// Folders whose names are a prefix and a version, with the programs in `bin`.
  public struct Root: Sendable, Equatable {
    let folder: String
    let prefix: String
    /// What the programs' names on the PATH lead to where one program chooses among the versions; see `passingWrapper`.
    let wrapper: String?

    public init(folder: String, prefix: String, wrapper: String? = nil) {
      self.folder = folder
      self.prefix = prefix
      self.wrapper = wrapper
    }
  }

  let roots: [Root]

  public init(_ roots: [Root]) {
    self.roots = roots
  }

  /// Where the packages of Debian, and those of the PostgreSQL project for other systems, put them.
  public static let standard = PostgreSQLInstallations([
    Root(folder: "/usr/lib/postgresql", prefix: "", wrapper: "/usr/share/postgresql-common/pg_wrapper"),
    Root(folder: "/usr", prefix: "pgsql-"),
  ])

  /// A program of one of the versions.
  struct Client: Equatable {
    let major: Int
    let command: [String]
  }

  /// Returns the newest psql that is installed where the PATH does not lead, as some packages do it; nil where it does.
  func psqlElsewhere(context: HookContext) -> [String]? {
    guard Self.usualPath(of: PostgreSQLConnection.Tool.psql.rawValue, context.environment) == nil else { return nil }
    return clients(.psql).max { $0.major < $1.major }?.command
  }

  /// The folder with the programs of the newest server that is installed, and its major version; nil without any.
  func newestServer() -> (major: Int, folder: String)? {
    servers.max { $0.major < $1.major }
  }

  /// The folder with the programs of a server of a major version; nil where it is not installed.
  public func server(major: Int) -> String? {
    servers.first { $0.major == major }?.folder
  }

  /// Every server that is installed, and the folder with its programs.
  private var servers: [(major: Int, folder: String)] {
    programs("postgres").map { (major: $0.major, folder: String($0.path.dropLast("/postgres".count))) }
  }

  func clients(_ program: PostgreSQLConnection.Tool) -> [Client] {
    programs(program.rawValue).map { Client(major: $0.major, command: [$0.path]) }
  }

  private func programs(_ name: String) -> [(major: Int, path: String)] {
    roots.flatMap { root in
      Self.programs(name, in: root).compactMap { program -> (major: Int, path: String)? in
        PostgreSQLVersion.major(program.version[...]).map { ($0, program.path) }
      }
    }
  }

  /// A program in every folder of a root that has it, with what the folder's name says behind the prefix.
  static func programs(_ name: String, in root: Root) -> [(version: String, path: String)] {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: root.folder)) ?? []
    return folders.compactMap { folder -> (version: String, path: String)? in
      let path = "\(root.folder)/\(folder)/bin/\(name)"
      guard let version = folder.after(beginning: root.prefix), access(path, X_OK) == 0 else { return nil }
      return (version, path)
    }
  }

  /// Where the PATH leads for a name.
  static func usualPath(of name: String, _ variables: ProcessEnvironment) -> String? {
    let folders = (variables["PATH"] ?? "").parts(by: ":", keepingEmpty: false)
    return folders.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }
}
