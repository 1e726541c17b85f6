import CofferConfiguration

/// The options of one entry of `postgresql_clusters`.
public enum PostgreSQLClusterOptions {
  public static let name = OptionKey<String>(
    "name", "What the server is called here, and in lists of logs.", example: "main", isRequired: true)
  public static let dataDirectory = OptionKey<String?>(
    "data_directory",
    "The server's data directory. Without it, the folder that 'coffer wal' is run in, which is that when the server runs it.",
    example: "/var/lib/postgresql/17/main")
  public static let hostname = OptionKey<String?>(
    "hostname",
    "The server's host, where it is another than this one: 'keep_log' goes by it, and connections for replication go there. Without it, this machine, and the client's own default, a local socket as a rule.",
    example: "db1")

  public static let clusters = OptionKey<[ConfigurationSection]>(
    "postgresql_clusters",
    "PostgreSQL servers whose log 'coffer wal push' or 'coffer wal receive' stores, and of which 'prune' deletes log. 'coffer wal' takes no entry where there is but one server.",
    support: .own,
    schema: OptionSchema("PostgreSQL servers", [name.option, dataDirectory.option, hostname.option] + connection))

  /// How the server is reached for replication, as a database's server is.
  private static let connection: [Option] = [
    ServerOptions.port.option, ServerOptions.username.option, ServerOptions.password.option,
    ServerOptions.passwordFile.option, PostgreSQLOptions.sslMode.option, PostgreSQLOptions.sslCertificate.option,
    PostgreSQLOptions.sslKey.option, PostgreSQLOptions.sslRootCertificate.option,
    PostgreSQLOptions.sslRevocationList.option,
  ]

  /// What the actions on logs read.
  public static let schema = OptionSchema("Logs", [clusters.option])
}
