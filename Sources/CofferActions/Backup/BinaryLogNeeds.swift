import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// What dumps need of binary logs, to be brought further than they are: of the servers that the configuration names.
struct BinaryLogNeeds {
  /// What an archive is to keep of it: each server once.
  private(set) var all: [LogNeed] = []
  private let context: ActionContext

  init(_ context: ActionContext) {
    self.context = context
  }

  /// Takes a dump in that was stored.
  ///
  /// - Parameters:
  ///   - section: Of the configuration, which asked for it.
  ///   - log: Where the server's log was.
  /// - Returns: A warning where the configuration wants the log, and the dump does not know the place.
  mutating func add(_ section: ConfigurationSection, _ identity: DumpIdentity, _ log: DumpLogPlace?) -> String? {
    guard Self.hooks.contains(where: { identity.hook.isSame(as: $0) }) else { return nil }
    let meant = BinaryLogEntry.all(context).filter {
      $0.dialect.system.isSame(as: MariaDBDialect.mariadb.system) && Self.isSame($0.section, section)
    }
    guard log != nil else {
      // An entry may be there for physical backups alone.
      let wanting = meant.first { !$0.section[MariaDBServerOptions.baseBackup] || $0.named.limit != nil }
      guard let name = wanting.map({ Quoting.terminal($0.name) }) else { return nil }
      return
        "\(identity.title): It is not known where the binary log of '\(name)' was at the dump, which cannot be brought to a moment therefore: is log_bin on?"
    }
    for entry in meant {
      let server = LogServer(
        system: entry.dialect.system, identity: BinaryLogEntry.identity(host: entry.host, name: entry.name))
      if !all.contains(where: { $0.server == server }) { all.append(LogNeed(server: server, first: nil)) }
    }
    return nil
  }

  /// Of dumps of databases, and of physical backups.
  private static let hooks = [MariaDBOptions.mariadbDatabases.name, MariaDBServerOptions.mariadbServers.name]

  /// Whether both are reached in the same way.
  private static func isSame(_ server: ConfigurationSection, _ database: ConfigurationSection) -> Bool {
    server[ServerOptions.hostname] == database[ServerOptions.hostname]
      && server[ServerOptions.port] == database[ServerOptions.port]
      && server[ServerOptions.container] == database[ServerOptions.container]
      && server[MariaDBOptions.socketPath] == database[MariaDBOptions.socketPath]
  }
}
