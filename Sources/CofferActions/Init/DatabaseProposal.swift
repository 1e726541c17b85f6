import CofferSystem
import FoundationEssentials
import Glibc

/// Databases as an entry of the configuration, before they are in it.
struct DatabaseProposal: Sendable {
  /// As questions and messages name it.
  let title: String
  /// The option that lists such entries.
  let option: String
  /// A comment above the entry.
  let comment: String
  /// Options of the entry, in their order.
  private let entry: [Part]

  /// An option of an entry.
  private struct Part: Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }

    /// What everybody finds easier to read without quotes stands so, and nothing else.
    var line: String {
      let isPlain = name.isSame(as: "port") || ["all", "custom", "sql", "postgres", "root"].contains(value)
      return "\(name): \(isPlain ? value : NewConfiguration.value(value))"
    }
  }

  /// The entry as it stands below the option's name.
  var lines: [String] {
    ["  # \(Quoting.terminal(comment))"]
      + entry.enumerated().map { number, part in
        "  \(number == 0 ? "-" : " ") \(part.line)"
      }
  }

  init(_ database: SQLiteFinder.Database) {
    title = "SQLite database \(database.path)"
    option = "sqlite_databases"
    comment = "A file"
    entry = [Part("name", database.name), Part("path", database.path)]
  }

  private init(_ server: LocalServer, _ entry: [Part]) {
    title = server.title
    option = server.system == .postgresql ? "postgresql_databases" : "mariadb_databases"
    comment = "\(server.title): every database that is there when a backup is made, each in a dump of its own"
    self.entry = entry
  }

  /// The ways to reach a server, the simplest first: as the user who runs this, as the servers' own account, and, as root,
  /// by becoming that.
  static func ways(to server: LocalServer, isRoot: Bool) -> [DatabaseProposal] {
    switch server.system {
    case .postgresql:
      var place = [Part("name", "all"), Part("format", "custom")]
      switch server.place {
      case .socket(let path): place.append(Part("hostname", folder(of: path)))
      case .port: place.append(Part("hostname", "127.0.0.1"))
      }
      if let port = server.port, port != 5432 { place.append(Part("port", String(port))) }
      let asPostgres = place + [Part("username", "postgres")]
      let becoming =
        asPostgres + [
          Part("pg_dump_command", "runuser -u postgres -- pg_dump"),
          Part("pg_restore_command", "runuser -u postgres -- pg_restore"),
          Part("psql_command", "runuser -u postgres -- psql"),
        ]
      return ([place, asPostgres] + (isRoot ? [becoming] : [])).map { DatabaseProposal(server, $0) }
    case .mariadb:
      var place = [Part("name", "all"), Part("format", "sql")]
      switch server.place {
      case .socket(let path): place.append(Part("socket_path", path))
      case .port(let port): place += [Part("hostname", "127.0.0.1"), Part("port", String(port))]
      }
      return [DatabaseProposal(server, place), DatabaseProposal(server, place + [Part("username", "root")])]
    }
  }

  private static func folder(of path: String) -> String {
    let parts = path.parts(by: "/").dropLast()
    return parts.count < 2 ? "/" : parts.joined(separator: "/")
  }
}
