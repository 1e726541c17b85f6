import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem

/// An entry of `mariadb_servers` or of `mysql_servers`.
struct BinaryLogEntry {
  static let flag = Flag<String?>(
    "--server", value: "NAME",
    help: "The server's entry of mariadb_servers or mysql_servers. Default: the only one.")

  let section: ConfigurationSection
  let dialect: MariaDBDialect
  /// The host that stores the server's log.
  let host: String

  var name: String { section[MariaDBServerOptions.name] }

  /// The server, as whoever stores its log says which it is.
  var named: LogCluster.Named {
    LogCluster.Named(
      system: dialect.system, name: name, hostname: host, limit: section[ServerLogOptions.within]?.seconds)
  }

  /// All that the configuration has.
  static func all(_ context: ActionContext) -> [BinaryLogEntry] {
    [MariaDBDialect.mariadb, .mysql].flatMap { dialect in
      context.root[dialect.servers].map { section in
        BinaryLogEntry(
          section: section, dialect: dialect,
          host: ServerLogOptions.host(of: section, here: context.surroundings.hostname))
      }
    }
  }

  /// Whether a server has nothing more in its log than what is stored.
  ///
  /// - Returns: false as well where it cannot be asked.
  static func isAll(_ reach: BinaryLogReach, of server: LogCluster.Named, _ context: ActionContext) -> Bool {
    let entry = all(context).first { entry in
      let named = entry.named
      return named.system.isSame(as: server.system) && named.name.isSame(as: server.name)
        && named.hostname.isSame(as: server.hostname)
    }
    // Variables of a password may have no value where nobody connects.
    guard let entry, entry.section.fault() == nil else { return false }
    do {
      let hooks = try context.hookContext()
      let files = try BinaryLogServer(entry.section, entry.dialect, host: entry.host, context: hooks).ask(hooks).files
      guard let last = files.last else { return false }
      return last.name.text.isSame(as: reach.file) && last.size == reach.end
    } catch {
      return false
    }
  }

  /// The one that is asked for.
  ///
  /// - Throws: `UsageError`.
  static func wanted(_ context: ActionContext) throws(UsageError) -> BinaryLogEntry {
    try ServerChoice.one(
      of: all(context), named: context.flags[flag], name: \.name, flag: flag.name,
      lists: ["mariadb_servers", "mysql_servers"])
  }
}
