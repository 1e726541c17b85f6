import CofferConfiguration
import CofferSystem

/// The options of one entry of `postgresql_clusters`.
public enum PostgreSQLClusterOptions {
  public static let name = OptionKey<String>(
    "name", "What the server is called here, in archives and in lists of logs.", example: "main", isRequired: true)
  public static let dataDirectory = OptionKey<String?>(
    "data_directory",
    "The server's data directory. Without it, the folder that 'coffer wal' is run in, which is that when the server runs it.",
    example: "/var/lib/postgresql/17/main")
  public static let baseBackup = OptionKey<Bool>(
    "base_backup",
    "Whether 'create' makes a base backup: the whole server, from which its log brings it to any moment. It takes a user with the right REPLICATION.",
    default: false)
  public static let readFiles = OptionKey<Bool>(
    "read_files",
    "Whether a base backup reads the server's files itself, below data_directory, in the place of having the server send them: on the server's host only, by the server's user or root, which takes far less time. The user of the connection needs the right to call pg_backup_start and pg_backup_stop, and may connect to the database postgres.",
    default: false)
  public static let hostname = OptionKey<String?>(
    "hostname",
    "The server's host, to which connections for replication go. Without it the client's own default, a local socket as a rule.",
    example: "db1.example.org")
  public static let clusters = OptionKey<[ConfigurationSection]>(
    "postgresql_clusters",
    "PostgreSQL servers as a whole: of which 'create' makes base backups where base_backup says so, 'coffer wal' stores and reads the log, and 'prune' deletes log. 'coffer wal' takes no entry where there is but one server.",
    support: .own,
    schema: OptionSchema(
      "PostgreSQL servers",
      [
        name.option, dataDirectory.option, baseBackup.option, readFiles.option, ServerLogOptions.within.option,
        ServerOptions.label.option, ServerLogOptions.hostname.option,
      ] + connection + PatienceOptions.all))

  /// How the server is reached for replication, as a database's server is.
  private static let connection =
    [
      ServerOptions.container.option, hostname.option, ServerOptions.port.option, ServerOptions.username.option,
      ServerOptions.password.option, ServerOptions.passwordFile.option,
    ] + PostgreSQLOptions.encryption

  /// What the actions on logs read.
  public static let schema = OptionSchema("Logs", [clusters.option])
}
