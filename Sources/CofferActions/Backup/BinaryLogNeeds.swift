import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// What dumps need of binary logs, to be brought further than they are: of the servers that the configuration names.
struct BinaryLogNeeds {
  /// Each server once, with the paths of the dumps that need its log.
  private var needs: [(server: LogServer, dumps: [String])] = []
  /// Paths of the dumps that do not know where their server's log was.
  private var unplaced: [String] = []
  private let context: ActionContext

  init(_ context: ActionContext) {
    self.context = context
  }

  /// What an archive is to keep of it.
  var all: [LogNeed] {
    needs.map { LogNeed(server: $0.server, first: nil, dumps: $0.dumps, unplaced: unplaced) }
  }

  /// Takes a dump in that was stored.
  ///
  /// - Parameters:
  ///   - section: Of the configuration, which asked for it.
  ///   - log: Where the server's log was.
  /// - Returns: A warning where the configuration wants the log, and the dump does not know the place.
  mutating func add(_ section: ConfigurationSection, _ identity: DumpIdentity, _ log: DumpLogPlace?) -> String? {
    guard let hook = Self.hooks.first(where: { identity.hook.isSame(as: $0.name) }) else { return nil }
    let meant = BinaryLogEntry.all(context).filter {
      $0.dialect.system.isSame(as: hook.dialect.system) && MariaDBServerOptions.areSame($0.section, section)
    }
    guard let log else {
      if !meant.isEmpty { unplaced.append(identity.path) }
      // An entry may be there for physical backups alone.
      let wanting = meant.first { !$0.section[MariaDBServerOptions.baseBackup] || $0.named.limit != nil }
      guard let name = wanting.map({ Quoting.terminal($0.name) }) else { return nil }
      return
        "\(identity.title): It is not known where the binary log of '\(name)' was at the dump, which cannot be brought to a moment therefore: \(hook.question)"
    }
    for entry in meant {
      // Which server of MariaDB it is, is known by its name alone.
      let server = LogServer(
        system: entry.dialect.system,
        identity: log.server ?? LogServer.identity(host: entry.host, name: entry.name))
      let index = needs.firstIndex { $0.server == server } ?? needs.endIndex
      if index == needs.endIndex { needs.append((server, [])) }
      needs[index].dumps.append(identity.path)
    }
    return nil
  }

  /// Of dumps of databases, and of physical backups; with what to look at where the place is not known.
  private static let hooks: [(name: String, dialect: MariaDBDialect, question: String)] = [
    (MariaDBOptions.mariadbDatabases.name, .mariadb, "is log_bin on?"),
    (MariaDBServerOptions.mariadbServers.name, .mariadb, "is log_bin on?"),
    (
      MariaDBOptions.mysqlDatabases.name, .mysql,
      "is log_bin on, has the user RELOAD and REPLICATION CLIENT, and is mysqldump MySQL's own, 8.0.26 or newer?"
    ),
  ]
}
