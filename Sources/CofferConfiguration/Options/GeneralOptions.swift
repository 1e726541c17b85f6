/// The options at the top of a configuration file.
public enum GeneralOptions {
  public static let sourceDirectories = OptionKey<[String]>(
    "source_directories",
    "Files and folders to back up besides the databases. Folders are taken with all that is in them.",
    example: "[/etc, /home]")
  public static let repositories = OptionKey<[ConfigurationSection]>(
    "repositories", "Where backups are kept. Each run writes an archive to every one of them.", isRequired: true,
    schema: RepositoryOptions.schema)
  public static let workingDirectory = OptionKey<String>(
    "working_directory", "The folder that relative source directories and database paths start from.",
    example: "/srv")
  public static let encryptionPassphrase = OptionKey<String>(
    "encryption_passphrase",
    "The passphrase that unlocks the repository's key. Better kept out of the file: ${NAME} takes it from the environment.",
    example: "\"${BACKUP_PASSPHRASE}\"")
  public static let encryptionPasscommand = OptionKey<String>(
    "encryption_passcommand",
    "A command that prints the passphrase; used when encryption_passphrase is not set. Split into words like a shell does, but run without one.",
    example: "cat /etc/coffer/passphrase")
  public static let archiveNameFormat = OptionKey<String>(
    "archive_name_format",
    "How archives are named. {hostname}, {user}, {pid}, {now} and {utcnow} are replaced; {now:%Y-%m-%d} takes strftime's letters.",
    default: "{hostname}-{now:%Y-%m-%dT%H:%M:%S.%f}")
  public static let compression = OptionKey<String>(
    "compression", "How blocks are compressed: zstd,LEVEL with levels from 1 (fast) to 19 (small).",
    default: "zstd,3")
  public static let userRuntimeDirectory = OptionKey<String>(
    "user_runtime_directory",
    "Where each run makes its private folder for FIFOs. Otherwise $XDG_RUNTIME_DIR, $RUNTIME_DIRECTORY, $TMPDIR, $TEMP, /tmp, the first that is set.",
    example: "/run/user/1001")
  public static let dumpStallTimeout = OptionKey<Int>(
    "dump_stall_timeout",
    "Seconds that a dump program may write nothing before the run gives it up. 0 waits for ever.", default: "600")
  public static let dumpTimeLimit = OptionKey<Int>(
    "dump_time_limit", "Seconds that one dump may take altogether. 0 means no limit.", default: "0")
  public static let bootstrap = OptionKey<ConfigurationSection>(
    "bootstrap", "What of Coffer's own is put into every archive.", schema: BootstrapOptions.schema)
  public static let postgresqlDatabases = OptionKey<[ConfigurationSection]>(
    "postgresql_databases", "PostgreSQL databases to back up.", schema: PostgreSQLOptions.schema)
  public static let sqliteDatabases = OptionKey<[ConfigurationSection]>(
    "sqlite_databases", "SQLite databases to back up.", schema: SQLiteOptions.schema)

  public static let schema = OptionSchema(
    "General",
    [
      sourceDirectories.option, repositories.option, workingDirectory.option, encryptionPassphrase.option,
      encryptionPasscommand.option, archiveNameFormat.option, compression.option, userRuntimeDirectory.option,
      dumpStallTimeout.option, dumpTimeLimit.option, bootstrap.option, postgresqlDatabases.option,
      sqliteDatabases.option,
    ])
}

/// The options of one entry of `repositories`.
public enum RepositoryOptions {
  public static let path = OptionKey<String>(
    "path", "A local folder. Made when the repository is created; its parent must exist.",
    example: "/mnt/backup/databases", isRequired: true)
  public static let label = OptionKey<String>(
    "label", "A short name that --repository accepts in place of the path.", example: "local")
  public static let encryption = OptionKey<String>(
    "encryption", "The mode that repo-create uses when --encryption is not given: repokey or keyfile.",
    example: "repokey")

  public static let schema = OptionSchema("Repositories", [path.option, label.option, encryption.option])
}

/// The options of `bootstrap`.
public enum BootstrapOptions {
  public static let storeConfigFiles = OptionKey<Bool>(
    "store_config_files",
    "Put every configuration file of the run, included ones too, into the archive, so that 'config bootstrap' can bring them back.",
    default: "true")

  public static let schema = OptionSchema("Bootstrap", [storeConfigFiles.option])
}
