import CofferConfiguration

/// How the content of a PostgreSQL database that is there is replaced.
public enum RestoreStrategy: String, OptionChoice {
  /// By a swap where that is possible, in place where not.
  case automatic = "auto"
  /// The new database is built beside the old one, and takes its name when it is whole.
  case swap
  /// The objects of the old database are replaced in one transaction.
  case inPlace = "in-place"
}

/// The options of one entry of `postgresql_databases`.
public enum PostgreSQLOptions {
  public enum Format: String, OptionChoice {
    case plain, custom, directory, tar
  }

  /// Whether the roles and tablespaces of an entry's server are saved in a dump of their own.
  public enum Globals: String, OptionChoice {
    case automatic = "auto"
    case always = "true"
    case never = "false"
  }

  public enum SSLMode: String, OptionChoice {
    case disable, allow, prefer, require
    case verifyAuthority = "verify-ca"
    case verifyFull = "verify-full"
  }

  public static let name = OptionKey<String>(
    "name",
    "The database's name; a pattern with *, for one dump of each database that it matches; or all: then one dump of the whole server, or, with a format, one of each database.",
    example: "users", isRequired: true)
  public static let format = OptionKey<Format?>(
    "format",
    "The dump's format. directory needs temporary space in the runtime directory; the others stream. Without it one database is dumped as custom, and all as plain SQL with roles and tablespaces.",
    example: "custom")
  public static let globals = OptionKey<Globals>(
    "globals",
    "Whether roles and tablespaces are saved in a dump of their own, once a server, beside the dumps of single databases. auto leaves them out where that cannot be; true says so, also when the user may not read the roles' passwords. 'restore --database globals' puts them back.",
    default: .automatic, support: .own)
  public static let compression = OptionKey<String>(
    "compression",
    "Passed to pg_dump. Compressed dumps do not deduplicate, so Coffer asks for none and compresses by itself.",
    default: "none", support: .differently("Without it, dumps are not compressed by pg_dump but by Coffer"))
  public static let noOwner = OptionKey<Bool>(
    "no_owner", "Leave the owners of objects out of the dump and out of the restore.", default: false)
  public static let restoreStrategy = OptionKey<RestoreStrategy>(
    "restore_strategy",
    "How 'restore' replaces a database that is there. swap builds the new one beside it and exchanges the names at the end; in-place replaces its objects in one transaction; auto swaps where that is possible.",
    default: .automatic, support: .own)
  public static let countPercentage = OptionKey<Int>(
    "count_percentage",
    "How much of a dump's time, in per cent, may be spent behind it on counting what was dumped, in the same snapshot, the smallest tables first; 'verify' compares that with what is restored. It takes another session while the dump is made. 0 counts nothing.",
    in: NumberRange.multiples, default: 10, support: .own)
  public static let analyzeOptions = OptionKey<CommandWords>(
    "analyze_options", "More arguments for psql when it analyzes a restored database.", example: "--quiet")
  public static let dumpCommand = OptionKey<CommandWords?>(
    "pg_dump_command", "What to run in place of pg_dump and pg_dumpall; may have arguments.",
    example: "docker exec my_pg_container pg_dump")
  public static let restoreCommand = OptionKey<CommandWords?>(
    "pg_restore_command", "What to run in place of pg_restore.",
    example: "docker exec -i my_pg_container pg_restore")
  public static let psqlCommand = OptionKey<CommandWords?>(
    "psql_command", "What to run in place of psql.", example: "docker exec -i my_pg_container psql")
  public static let sslMode = OptionKey<SSLMode?>(
    "ssl_mode", "How the connection is encrypted.", example: "require")
  public static let sslCertificate = OptionKey<String?>(
    "ssl_cert", "The client's certificate file.", example: "/root/.postgresql/postgresql.crt")
  public static let sslKey = OptionKey<String?>(
    "ssl_key", "The client's key file.", example: "/root/.postgresql/postgresql.key")
  public static let sslRootCertificate = OptionKey<String?>(
    "ssl_root_cert", "The file of authorities that may have signed the server's certificate.",
    example: "/root/.postgresql/root.crt")
  public static let sslRevocationList = OptionKey<String?>(
    "ssl_crl", "The file of revoked certificates.", example: "/root/.postgresql/root.crl")

  /// How connections are encrypted, and who the server has to be.
  static let encryption = [
    sslMode.option, sslCertificate.option, sslKey.option, sslRootCertificate.option, sslRevocationList.option,
  ]

  public static let databases = OptionKey<[ConfigurationSection]>(
    "postgresql_databases", "PostgreSQL databases to back up.", schema: schema)

  public static let schema = OptionSchema(
    "PostgreSQL",
    [name.option] + ServerOptions.shared + ServerOptions.asked + [
      ServerOptions.listOptions.option, format.option, globals.option, compression.option, noOwner.option,
      restoreStrategy.option, countPercentage.option, analyzeOptions.option, dumpCommand.option, restoreCommand.option,
      psqlCommand.option,
    ] + encryption)
}
