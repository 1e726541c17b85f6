/// What a dump that failed means for the archive.
public enum DumpErrorPolicy: String, OptionChoice {
  case fail
  case keepOthers = "keep-others"
}

/// How much time a backup stands for.
public enum BackupWindow: String, OptionChoice {
  case hourly, daily, weekly
}

/// The options at the top of a configuration file.
public enum GeneralOptions {
  public static let sourceDirectories = OptionKey<[String]>(
    "source_directories",
    "Files and folders to back up besides the databases. Folders are taken with all that is in them.",
    example: "[/etc, /home]")
  public static let repositories = OptionKey<[ConfigurationSection]>(
    "repositories", "Where backups are kept. Each run writes an archive to every one of them.", isRequired: true,
    schema: RepositoryEntryOptions.schema)
  public static let workingDirectory = OptionKey<String?>(
    "working_directory", "The folder that relative source directories and database paths start from.",
    example: "/srv")
  public static let encryptionPassphrase = OptionKey<String?>(
    "encryption_passphrase",
    "The passphrase that unlocks the repository's key. Better kept out of the file: ${NAME} takes it from the environment.",
    example: "\"${BACKUP_PASSPHRASE}\"", isSecret: true)
  public static let encryptionPasscommand = OptionKey<CommandWords?>(
    "encryption_passcommand",
    "A command that prints the passphrase; used when encryption_passphrase is not set. Split into words like a shell does, but run without one.",
    example: "cat /etc/coffer/passphrase")
  public static let unlockTimeout = OptionKey<Int>(
    "unlock_timeout",
    "Seconds for which a key that a passphrase has opened stays in the kernel's keyring, so that the next command with the same passphrase is faster. 0 keeps nothing.",
    in: NumberRange.seconds, default: 900, support: .own)
  public static let archiveNameFormat = OptionKey<ArchiveNameFormat>(
    "archive_name_format",
    "How archives are named. {hostname}, {user}, {pid}, {now} and {utcnow} are replaced; {now:%Y-%m-%d} takes strftime's letters.",
    default: .standard)
  public static let compression = OptionKey<BlockCompression>(
    "compression", "How blocks are compressed: zstd,LEVEL with levels from 1 (fast) to 19 (small).",
    default: .standard,
    support: .differently("Blocks are compressed by zstd; other methods are taken for one of its levels"))
  public static let userRuntimeDirectory = OptionKey<String?>(
    "user_runtime_directory",
    "Where each run makes its private folder for FIFOs. Otherwise $XDG_RUNTIME_DIR, $RUNTIME_DIRECTORY, $TMPDIR, $TEMP, /tmp, the first that is set.",
    example: "/run/user/1001")
  public static let onDumpError = OptionKey<DumpErrorPolicy>(
    "on_dump_error",
    "What a dump that failed means. fail: no archive is made. keep-others: the archive is made with the other dumps, is marked partial, and says which are missing; the run ends with exit code 1 all the same.",
    default: .fail, support: .own)
  public static let schedule = OptionKey<BackupWindow?>(
    "schedule",
    "Make one backup an hour, a day or a week, by the calendar: 'create', and what follows it in the same run, does nothing where that one is there.",
    example: "daily", support: .own)
  public static let parallelDumps = OptionKey<Int>(
    "parallel_dumps",
    "How many databases are dumped at the same time. More are faster where neither the servers nor this machine are busy with one.",
    in: NumberRange.countsFromOne, default: 1, support: .own)
  public static let baseCache = OptionKey<ByteSize?>(
    "base_cache",
    "How much of what was stored is kept on this machine, sealed as it is in the repository, so that changes can be stored as differences without a download: 500M or 2G, say; 0 keeps nothing. Otherwise 2GiB for a repository elsewhere, and 0 for one on this machine.",
    example: "2GiB", support: .own)
  public static let minFreeSpace = OptionKey<ByteSize?>(
    "min_free_space",
    "How much must stay free on the disks of repositories on this machine and of the runtime directory. Before anything is dumped, what a backup will take is estimated - by the last one, or else by what the servers say, and 20 % more -, and one that would leave less is not begun.",
    example: "5GiB", support: .own)
  public static let bootstrap = OptionKey<ConfigurationSection>(
    "bootstrap", "What of Coffer's own is put into every archive.", schema: BootstrapOptions.schema)

  /// What every action that works on repositories reads.
  public static let access = OptionSchema(
    "Access",
    [
      repositories.option, workingDirectory.option, encryptionPassphrase.option, encryptionPasscommand.option,
      unlockTimeout.option, archiveNameFormat.option, userRuntimeDirectory.option,
    ])

  /// What is backed up besides the databases, and how.
  public static let backup = OptionSchema(
    "Backup",
    [
      sourceDirectories.option, compression.option, onDumpError.option, schedule.option, parallelDumps.option,
      baseCache.option, minFreeSpace.option, bootstrap.option,
    ] + PatienceOptions.all)

  /// How blocks are written.
  public static let packing = OptionSchema("Packing", [compression.option])

  private static let general = OptionSchema(
    "General", access.options + backup.options + CommandOptions.around.options)

  /// All options, those of stores, database systems and monitoring services at their places among the program's
  /// own.
  static func groups(stores: [Option], databases: [Option], services: [Option]) -> [OptionSchema] {
    [
      general, OptionSchema("Stores", stores), RemoteOptions.schema,
      OptionSchema("Databases", databases, role: .databases),
      SourceOptions.schema, RunOptions.schema,
      RetentionOptions.schema, RetentionOptions.compaction, CheckOptions.schema, VerifyOptions.schema,
      StatusOptions.schema,
      OptionSchema("Monitoring", services, role: .services),
      OutputOptions.schema, CredentialOptions.schema, BorgOptions.schema, RefusedOptions.schema,
    ]
  }
}
