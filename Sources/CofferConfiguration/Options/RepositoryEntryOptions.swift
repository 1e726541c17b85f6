/// The options of one entry of `repositories`. Any option of the file's top may stand there as well, and then counts
/// for that repository only.
public enum RepositoryEntryOptions {
  public static let path = OptionKey<String>(
    "path",
    "Where it is: a folder, made when the repository is created in one that exists; or ssh://user@host/path, sftp://user@host/path, rclone:remote:path, s3://bucket/prefix, s3:https://endpoint/bucket/prefix.",
    example: "/mnt/backup/databases", isRequired: true)
  public static let label = OptionKey<String?>(
    "label", "A short name that --repository accepts in place of the path.", example: "local")
  public static let encryption = OptionKey<RepositoryEncryption?>(
    "encryption", "The mode that repo-create uses when --encryption is not given: repokey or keyfile.",
    example: "repokey",
    support: .differently("repokey and keyfile, whatever follows in Borg's names; a repository is always encrypted"))
  public static let makeParentDirectories = OptionKey<Bool>(
    "make_parent_directories", "Whether repo-create makes the folders above the repository, too.", default: false)

  public static let schema = OptionSchema(
    "Repositories",
    [
      path.option, label.option, encryption.option, makeParentDirectories.option,
      .borg("append_only", .boolean, instead: "Archives are only ever deleted by 'delete' and 'prune'"),
      .borg("storage_quota", .text, instead: "Coffer sets no quota; the file system or the storage can"),
      .borg("id_hash", .text, instead: "Ids are made in one way"),
      .borg("key_location", .text, instead: "The mode 'keyfile' keeps the key out of the repository"),
    ], takesTopOptions: true)
}

/// The options of `bootstrap`.
public enum BootstrapOptions {
  public static let storeConfigFiles = OptionKey<Bool>(
    "store_config_files",
    "Put every configuration file of the run, included ones too, into the archive, so that 'config bootstrap' can bring them back.",
    default: true)

  public static let schema = OptionSchema("Bootstrap", [storeConfigFiles.option])
}
