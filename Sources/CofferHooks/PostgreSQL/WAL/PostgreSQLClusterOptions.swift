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
    "The host that stores the server's log, for 'keep_log' where 'prune' runs elsewhere. Default: this one.",
    example: "db1")

  public static let clusters = OptionKey<[ConfigurationSection]>(
    "postgresql_clusters",
    "PostgreSQL servers of this machine whose log 'coffer wal push' stores, and of which 'prune' deletes log. 'coffer wal' takes no entry where there is but one server.",
    support: .own, schema: OptionSchema("PostgreSQL servers", [name.option, dataDirectory.option, hostname.option]))

  /// What the actions on logs read.
  public static let schema = OptionSchema("Logs", [clusters.option])
}
