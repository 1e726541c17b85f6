/// The options of one entry of `postgresql_databases`.
public enum PostgreSQLOptions {
  public static let name = OptionKey<String>(
    "name", "The database's name, or all: then one dump of the whole server, or, with a format, one dump a database.",
    example: "users", isRequired: true)
  public static let label = OptionKey<String>(
    "label", "Names the dump in the archive in place of host and port.", example: "shop")
  public static let hostname = OptionKey<String>(
    "hostname", "The server's host. Without it the client's own default, a local socket as a rule.",
    example: "database.example.org")
  public static let restoreHostname = OptionKey<String>(
    "restore_hostname", "The host that 'restore' writes to, if not hostname.", example: "spare.example.org")
  public static let port = OptionKey<Int>("port", "The server's port.", example: "5432")
  public static let restorePort = OptionKey<Int>(
    "restore_port", "The port that 'restore' writes to, if not port.", example: "5433")
  public static let username = OptionKey<String>("username", "The user to connect as.", example: "backup")
  public static let restoreUsername = OptionKey<String>(
    "restore_username", "The user that 'restore' connects as, if not username.", example: "postgres")
  public static let password = OptionKey<String>(
    "password", "The user's password. It reaches the client through the environment, never through arguments.",
    example: "\"${PGPASSWORD}\"")
  public static let restorePassword = OptionKey<String>(
    "restore_password", "The password that 'restore' uses, if not password.", example: "\"${RESTORE_PASSWORD}\"")
  public static let format = OptionKey<String>(
    "format",
    "The dump's format. directory needs temporary space in the runtime directory; the others stream. Without it one database is dumped as custom, and all as plain SQL with roles and tablespaces.",
    example: "custom", choices: ["plain", "custom", "directory", "tar"])
  public static let compression = OptionKey<String>(
    "compression",
    "Passed to pg_dump. Compressed dumps do not deduplicate, so Coffer asks for none and compresses by itself.",
    default: "none")
  public static let noOwner = OptionKey<Bool>(
    "no_owner", "Leave the owners of objects out of the dump and out of the restore.", default: "false")
  public static let options = OptionKey<String>(
    "options", "More arguments for the dump program, split into words like a shell does.",
    example: "--exclude-table=log")
  public static let listOptions = OptionKey<String>(
    "list_options", "More arguments for psql when databases are listed.", example: "--dbname=template1")
  public static let restoreOptions = OptionKey<String>(
    "restore_options", "More arguments for the program that restores.", example: "--role=owner")
  public static let analyzeOptions = OptionKey<String>(
    "analyze_options", "More arguments for psql when it analyzes a restored database.", example: "--quiet")
  public static let dumpCommand = OptionKey<String>(
    "pg_dump_command", "What to run in place of pg_dump and pg_dumpall; may have arguments.",
    example: "docker exec my_pg_container pg_dump")
  public static let restoreCommand = OptionKey<String>(
    "pg_restore_command", "What to run in place of pg_restore.",
    example: "docker exec -i my_pg_container pg_restore")
  public static let psqlCommand = OptionKey<String>(
    "psql_command", "What to run in place of psql.", example: "docker exec -i my_pg_container psql")
  public static let sslMode = OptionKey<String>(
    "ssl_mode", "How the connection is encrypted.", example: "require",
    choices: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
  public static let sslCertificate = OptionKey<String>(
    "ssl_cert", "The client's certificate file.", example: "/root/.postgresql/postgresql.crt")
  public static let sslKey = OptionKey<String>(
    "ssl_key", "The client's key file.", example: "/root/.postgresql/postgresql.key")
  public static let sslRootCertificate = OptionKey<String>(
    "ssl_root_cert", "The file of authorities that may have signed the server's certificate.",
    example: "/root/.postgresql/root.crt")
  public static let sslRevocationList = OptionKey<String>(
    "ssl_crl", "The file of revoked certificates.", example: "/root/.postgresql/root.crl")

  public static let schema = OptionSchema(
    "PostgreSQL",
    [
      name.option, label.option, hostname.option, restoreHostname.option, port.option, restorePort.option,
      username.option, restoreUsername.option, password.option, restorePassword.option, format.option,
      compression.option, noOwner.option, options.option, listOptions.option, restoreOptions.option,
      analyzeOptions.option, dumpCommand.option, restoreCommand.option, psqlCommand.option, sslMode.option,
      sslCertificate.option, sslKey.option, sslRootCertificate.option, sslRevocationList.option,
    ])
}

/// The options of one entry of `sqlite_databases`.
public enum SQLiteOptions {
  public static let name = OptionKey<String>(
    "name", "What the dump is called in the archive.", example: "users", isRequired: true)
  public static let path = OptionKey<String>(
    "path", "The database file. It must exist.", example: "/var/lib/sqlite/users.db", isRequired: true)
  public static let label = OptionKey<String>(
    "label", "Names the dump in the archive in place of the host.", example: "shop")
  public static let restorePath = OptionKey<String>(
    "restore_path", "The file that 'restore' writes, if not path.", example: "/var/lib/sqlite/users-restored.db")
  public static let sqliteCommand = OptionKey<String>(
    "sqlite_command", "What to run in place of sqlite3 when dumping.",
    example: "docker exec my_container sqlite3")
  public static let sqliteRestoreCommand = OptionKey<String>(
    "sqlite_restore_command", "What to run in place of sqlite3 when restoring.",
    example: "docker exec -i my_container sqlite3")

  public static let schema = OptionSchema(
    "SQLite",
    [
      name.option, path.option, label.option, restorePath.option, sqliteCommand.option,
      sqliteRestoreCommand.option,
    ])
}
