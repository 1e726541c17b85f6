import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// What dumps need of binary logs, to be brought further than they are: of the servers that the configuration names.
struct BinaryLogNeeds {
  /// What an archive is to keep of it: each server once.
  private(set) var all: [LogNeed] = []
  private let entries: [BinaryLogEntry]

  init(_ context: ActionContext) {
    entries = BinaryLogEntry.all(context)
  }

  /// Takes a dump in that was stored.
  ///
  /// - Parameters:
  ///   - section: Of the configuration, which asked for it.
  ///   - log: Where the server's log was.
  /// - Returns: A warning where the configuration wants the log, and the dump does not know the place.
  mutating func add(_ section: ConfigurationSection, _ identity: DumpIdentity, _ log: DumpLogPlace?) -> String? {
    guard identity.hook.isSame(as: MariaDBOptions.mariadbDatabases.name) else { return nil }
    // One server can have several entries, each with a log of its own.
    let named = entries.filter {
      $0.dialect.system.isSame(as: MariaDBDialect.mariadb.system) && Self.isSame($0.section, section)
    }
    guard let first = named.first else { return nil }
    guard log != nil else {
      let name = Quoting.terminal(first.name)
      return
        "\(identity.title): It is not known where the binary log of '\(name)' was at the dump, which cannot be brought to a moment therefore: is log_bin on?"
    }
    for entry in named {
      let server = LogServer(
        system: entry.dialect.system, identity: BinaryLogEntry.identity(host: entry.host, name: entry.name))
      if !all.contains(where: { $0.server == server }) { all.append(LogNeed(server: server, first: nil)) }
    }
    return nil
  }

  /// Whether both are reached in the same way.
  private static func isSame(_ server: ConfigurationSection, _ database: ConfigurationSection) -> Bool {
    server[ServerOptions.hostname] == database[ServerOptions.hostname]
      && server[ServerOptions.port] == database[ServerOptions.port]
      && server[ServerOptions.container] == database[ServerOptions.container]
      && server[MariaDBOptions.socketPath] == database[MariaDBOptions.socketPath]
  }
}
