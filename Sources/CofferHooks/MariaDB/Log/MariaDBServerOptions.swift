import CofferConfiguration
import CofferSystem

/// The options of one entry of `mariadb_servers` or of `mysql_servers`.
public enum MariaDBServerOptions {
  public static let name = OptionKey<String>(
    "name", "What the server is called here, in archives and in lists of logs.", example: "main", isRequired: true)

  public static let serverID = OptionKey<Int?>(
    "server_id",
    "The number by which the server knows who receives its binary log: no replica of it, and no server that it is one of, may have it. Without it one is made of the names of the host and of the entry.",
    in: 1...Int(UInt32.max), example: "4001", support: .own)

  public static let baseBackup = OptionKey<Bool>(
    "base_backup",
    "Whether 'create' makes a physical backup of a MariaDB server by mariadb-backup: the whole server, as it was when the backup ended. It has to run on the server's host, as a user that may read the data directory.",
    default: false)
  public static let backupCommand = OptionKey<CommandWords>(
    "mariadb_backup_command",
    "What to run in place of mariadb-backup, also to prepare what 'restore --cluster' has laid down, which it has to see. With arguments it needs password_transport: environment.",
    default: "mariadb-backup", example: "/opt/mariadb/bin/mariadb-backup", support: .own)

  public static let mariadbBinlogCommand = OptionKey<CommandWords>(
    "mariadb_binlog_command",
    "What to run in place of mariadb-binlog; may have arguments. It must run on this machine, for it writes into a folder here.",
    default: "mariadb-binlog", example: "/opt/mariadb/bin/mariadb-binlog", support: .own)
  public static let mysqlBinlogCommand = OptionKey<CommandWords>(
    "mysql_binlog_command",
    "What to run in place of mysqlbinlog; may have arguments. It must run on this machine, for it writes into a folder here.",
    default: "mysqlbinlog", example: "/opt/mysql/bin/mysqlbinlog", support: .own)

  public static let mariadbServers = OptionKey<[ConfigurationSection]>(
    "mariadb_servers",
    "MariaDB servers as a whole: of which 'create' makes physical backups where base_backup says so, 'coffer binlog receive' stores the binary log, and 'prune' deletes it. 'coffer binlog receive' takes the only entry where no name is given.",
    support: .own,
    schema: entry(
      "MariaDB servers", mariadbBinlogCommand, MariaDBOptions.mariadbCommand,
      [backupCommand.option]))
  public static let mysqlServers = OptionKey<[ConfigurationSection]>(
    "mysql_servers", "MySQL servers as a whole, as mariadb_servers.",
    support: .own, schema: entry("MySQL servers", mysqlBinlogCommand, MariaDBOptions.mysqlCommand))

  private static func entry(
    _ title: String, _ binlogCommand: OptionKey<CommandWords>, _ command: OptionKey<CommandWords>, _ own: [Option] = []
  ) -> OptionSchema {
    OptionSchema(
      title,
      [
        name.option, baseBackup.option, ServerLogOptions.within.option, ServerLogOptions.hostname.option,
        serverID.option,
        ServerOptions.label.option, ServerOptions.container.option, ServerOptions.hostname.option,
        ServerOptions.port.option,
        MariaDBOptions.socketPath.option, ServerOptions.username.option, ServerOptions.password.option,
        ServerOptions.passwordFile.option, MariaDBOptions.passwordTransport.option, MariaDBOptions.tls.option,
        MariaDBOptions.tlsCA.option, MariaDBOptions.tlsVerify.option, ServerOptions.listOptions.option,
        binlogCommand.option, command.option,
      ] + own + PatienceOptions.all)
  }

  /// Whether an entry of a server and one of databases are reached in the same way.
  public static func areSame(_ server: ConfigurationSection, _ database: ConfigurationSection) -> Bool {
    ServerOptions.areSame(server, database)
      && server[MariaDBOptions.socketPath] == database[MariaDBOptions.socketPath]
  }

  /// What the actions on binary logs read.
  public static let schema = OptionSchema("Binary logs", [mariadbServers.option, mysqlServers.option])
}
