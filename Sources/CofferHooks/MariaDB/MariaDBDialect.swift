import CofferConfiguration

/// Which of the two systems a hook is for; they differ in names, and in what belongs to a whole server.
public struct MariaDBDialect: Sendable {
  /// As objects of logs name the system.
  public let system: String
  let databases: OptionKey<[ConfigurationSection]>
  /// Entries of servers as a whole.
  public let servers: OptionKey<[ConfigurationSection]>
  let dumpCommand: OptionKey<CommandWords>
  let clientCommand: OptionKey<CommandWords>
  let binlogCommand: OptionKey<CommandWords>
  /// Databases that 'all' leaves out: the server makes their contents itself.
  let unlisted: Set<String>
  /// Whether a dump named `mysql` holds the server's users, functions of libraries and servers.
  let dumpsAccounts: Bool

  /// Whether it is MySQL, rather than MariaDB.
  var isMySQL: Bool { !dumpsAccounts }

  /// The server's own database, which the accounts are kept in.
  static let accountsDatabase = "mysql"

  public static let mariadb = MariaDBDialect(
    system: "mariadb", databases: MariaDBOptions.mariadbDatabases, servers: MariaDBServerOptions.mariadbServers,
    dumpCommand: MariaDBOptions.mariadbDumpCommand,
    clientCommand: MariaDBOptions.mariadbCommand, binlogCommand: MariaDBServerOptions.mariadbBinlogCommand,
    unlisted: ["information_schema", "performance_schema", "sys"], dumpsAccounts: true)

  public static let mysql = MariaDBDialect(
    system: "mysql", databases: MariaDBOptions.mysqlDatabases, servers: MariaDBServerOptions.mysqlServers,
    dumpCommand: MariaDBOptions.mysqlDumpCommand,
    clientCommand: MariaDBOptions.mysqlCommand, binlogCommand: MariaDBServerOptions.mysqlBinlogCommand,
    unlisted: ["information_schema", "performance_schema", "sys", "mysql"], dumpsAccounts: false)
}
