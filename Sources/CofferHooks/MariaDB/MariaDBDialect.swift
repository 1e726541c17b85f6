import CofferConfiguration

/// Which of the two systems a hook is for; they differ in names, and in what belongs to a whole server. One object for each system.
public final class MariaDBDialect: Sendable {
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

  private init(
    system: String, databases: OptionKey<[ConfigurationSection]>, servers: OptionKey<[ConfigurationSection]>,
    dumpCommand: OptionKey<CommandWords>, clientCommand: OptionKey<CommandWords>,
    binlogCommand: OptionKey<CommandWords>, unlisted: Set<String>, dumpsAccounts: Bool
  ) {
    self.system = system
    self.databases = databases
    self.servers = servers
    self.dumpCommand = dumpCommand
    self.clientCommand = clientCommand
    self.binlogCommand = binlogCommand
    self.unlisted = unlisted
    self.dumpsAccounts = dumpsAccounts
  }

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
