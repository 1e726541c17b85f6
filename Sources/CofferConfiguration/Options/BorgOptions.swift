/// Options that only steer the Borg program. They are accepted so that a file can be used as it is.
public enum BorgOptions {
  private static let places = "Coffer keeps no state of Borg's; key files are in ~/.config/coffer/keys"
  private static let noProgram = "Coffer is one program and starts no borg"

  static let schema = OptionSchema(
    "Borg",
    [
      .borg("local_path", .text, instead: noProgram),
      .borg("extra_borg_options", .section(extraOptions), instead: noProgram),
      .borg(
        "borg_exit_codes", .list(.section(exitCodes)),
        instead: "Every failure ends with exit code 1, and warnings never hide one"),
      .borg("borg_base_directory", .text, instead: places),
      .borg("borg_config_directory", .text, instead: places),
      .borg("borg_cache_directory", .text, instead: places),
      .borg("borg_security_directory", .text, instead: places),
      .borg("borg_keys_directory", .text, instead: places),
      .borg("borg_key_file", .text, instead: places),
      .borg(
        "files_changed", .text,
        instead: "A file is said to have changed while it was read if its size or mtime did"),
      .borg("use_chunks_archive", .boolean, instead: "One index serves all archives"),
      .borg("debug_passphrase", .boolean, instead: "Passphrases are never printed"),
      .borg("display_passphrase", .boolean, instead: "Passphrases are never printed"),
      .borg("check_i_know_what_i_am_doing", .boolean, instead: "A check, also with --repair, removes nothing"),
      .borg("msgpack_version_check", .boolean, instead: noProgram),
      .borg(
        "chunker_params", .text, instead: "Data is cut for databases, into pieces of 8 KiB on average"),
      .borg(
        "checkpoint_interval", .integer, instead: "What was stored before an interruption is reused by the next run"),
      .borg(
        "checkpoint_volume", .integer, instead: "What was stored before an interruption is reused by the next run"),
      .borg("upload_buffer_size", .integer, instead: "Uploads go through a buffer of fixed size"),
      .borg("temporary_directory", .text, instead: "Temporary files go to user_runtime_directory"),
      .borg("recompress", .text, instead: "What is stored stays compressed as it was"),
      .borg(
        "lock_wait", .integer, instead: "Runs do not lock each other out, so there is nothing to wait for"),
      .borg(
        "relocated_repo_access_is_ok", .boolean, instead: "A repository that was moved is opened without asking"),
      .borg(
        "unknown_unencrypted_repo_access_is_ok", .boolean, instead: "Every repository is encrypted"),
      .borg("unsafe_skip_path_validation_before_create", .boolean, instead: "There is no second pass to skip"),
      .borg("archive_list_format", .text, instead: "Lists have columns of their own; --json gives every field"),
      .borg("file_list_format", .text, instead: "Lists have columns of their own; --json gives every field"),
      .borg("borgmatic_source_directory", .text, instead: "Dumps are never kept in a folder"),
    ])

  private static let exitCodes = OptionSchema(
    "Borg's exit codes",
    [.borg("code", .integer, instead: noProgram), .borg("treat_as", .text, instead: noProgram)])

  private static let extraOptions = OptionSchema(
    "More options for Borg",
    [
      "break_lock", "check", "compact", "create", "delete", "export_tar", "extract", "key_export", "key_import",
      "key_change_passphrase", "info", "init", "list", "mount", "prune", "recreate", "rename", "repo_create",
      "repo_delete", "repo_info", "repo_list", "transfer", "umount",
    ].map { .borg($0, .text, instead: noProgram) })
}
