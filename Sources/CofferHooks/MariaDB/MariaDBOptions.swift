import CofferConfiguration

/// The options of one entry of `mariadb_databases` or of `mysql_databases`.
public enum MariaDBOptions {
  /// How user and password reach the clients.
  public enum PasswordTransport: String, OptionChoice {
    case pipe, environment
  }

  /// What it means that a user may not see all of a database.
  public enum MissingRights: String, OptionChoice {
    case warn, fail
  }

  public enum Format: String, OptionChoice {
    case sql
  }

  public static let name = OptionKey<String>(
    "name",
    "The database's name; a pattern, if it holds a *; or all: then one dump of the whole server, or, with a format, one dump a database.",
    example: "users", isRequired: true)
  public static let skipNames = OptionKey<[String]>(
    "skip_names", "Databases that all, or a pattern, leaves out.", example: "[cache, sessions]")
  public static let socketPath = OptionKey<String?>(
    "socket_path", "The server's socket.", example: "/run/mysqld/mysqld.sock")
  public static let restoreSocketPath = OptionKey<String?>(
    "restore_socket_path", "The socket of the server that 'restore' writes to, if not socket_path.",
    example: "/run/mysqld/spare.sock")
  public static let passwordTransport = OptionKey<PasswordTransport>(
    "password_transport",
    "How user and password reach the clients: through an anonymous pipe, or through the environment (MYSQL_PWD), which commands like 'docker exec --env MYSQL_PWD' need.",
    default: .pipe)
  public static let tls = OptionKey<Bool?>(
    "tls", "Whether the connection is encrypted. Without it the client decides.", example: "false")
  public static let restoreTLS = OptionKey<Bool?>(
    "restore_tls", "Whether the connection of 'restore' is encrypted, if not as tls says.", example: "false")
  public static let tlsCA = OptionKey<String?>(
    "tls_ca", "A file with the certificates of the authorities that the server's certificate must come from.",
    example: "/etc/ssl/certs/database-ca.pem", support: .own)
  public static let restoreTLSCA = OptionKey<String?>(
    "restore_tls_ca", "The same for the server that 'restore' writes to, if not as tls_ca says.",
    example: "/etc/ssl/certs/spare-ca.pem", support: .own)
  public static let tlsVerify = OptionKey<Bool?>(
    "tls_verify",
    "Whether the server must prove by its certificate that it is the host that is configured. Without it the client decides.",
    example: "true", support: .own)
  public static let restoreTLSVerify = OptionKey<Bool?>(
    "restore_tls_verify", "The same for the server that 'restore' writes to, if not as tls_verify says.",
    example: "true", support: .own)
  public static let onMissingRights = OptionKey<MissingRights>(
    "on_missing_rights",
    "What to do when the user may not see all of a database, for example its triggers, and the dump would lack them: warn at every backup, or fail.",
    default: .warn, support: .own)
  public static let format = OptionKey<Format?>(
    "format", "With all: sql makes one dump a database. A single database is always dumped as SQL.", example: "sql")
  public static let addDropDatabase = OptionKey<Bool>(
    "add_drop_database",
    "Whether a restore replaces the whole database. Without it, what the dump does not know stays.", default: true)
  public static let events = OptionKey<Bool>(
    "events", "Dump the databases' events. Needs the EVENT privilege.", default: true)
  public static let routines = OptionKey<Bool>(
    "routines", "Dump the databases' stored procedures and functions.", default: true)
  public static let tablespaces = OptionKey<Bool>(
    "tablespaces", "Dump tablespaces. Newer MySQL servers want the PROCESS privilege for it.", default: true)

  public static let mariadbDumpCommand = OptionKey<CommandWords>(
    "mariadb_dump_command", "What to run in place of mariadb-dump; may have arguments.", default: "mariadb-dump",
    example: "docker exec --env MYSQL_PWD my_container mariadb-dump")
  public static let mariadbCommand = OptionKey<CommandWords>(
    "mariadb_command", "What to run in place of mariadb.", default: "mariadb",
    example: "docker exec --interactive --env MYSQL_PWD my_container mariadb")
  public static let mysqlDumpCommand = OptionKey<CommandWords>(
    "mysql_dump_command", "What to run in place of mysqldump; may have arguments.", default: "mysqldump",
    example: "docker exec --env MYSQL_PWD my_container mysqldump")
  public static let mysqlCommand = OptionKey<CommandWords>(
    "mysql_command", "What to run in place of mysql.", default: "mysql",
    example: "docker exec --interactive --env MYSQL_PWD my_container mysql")

  public static let mariadbDatabases = OptionKey<[ConfigurationSection]>(
    "mariadb_databases", "MariaDB databases to back up.", schema: mariadbSchema)
  public static let mysqlDatabases = OptionKey<[ConfigurationSection]>(
    "mysql_databases", "MySQL databases to back up.", schema: mysqlSchema)

  public static let mariadbSchema = schema("MariaDB", mariadbDumpCommand, mariadbCommand)
  public static let mysqlSchema = schema("MySQL", mysqlDumpCommand, mysqlCommand)

  private static func schema(
    _ title: String, _ dumpCommand: OptionKey<CommandWords>, _ command: OptionKey<CommandWords>
  ) -> OptionSchema {
    OptionSchema(
      title,
      [name.option, skipNames.option] + ServerOptions.shared + ServerOptions.asked + [
        ServerOptions.listOptions.option, socketPath.option, restoreSocketPath.option, passwordTransport.option,
        tls.option, restoreTLS.option, tlsCA.option, restoreTLSCA.option, tlsVerify.option, restoreTLSVerify.option,
        onMissingRights.option, format.option, addDropDatabase.option, events.option, routines.option,
        tablespaces.option, dumpCommand.option, command.option,
      ])
  }
}
