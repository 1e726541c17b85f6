/// The names of borgmatic's options, nested ones with dots: what a file of its users may hold.
enum BorgmaticOptions {
  static let names: [String] = sections.flatMap { section, names in
    names.split(whereSeparator: \.isWhitespace).map { section.isEmpty ? String($0) : "\(section).\($0)" }
  }

  private static let sharedByMariaDBAndMySQL = """
    name label container restore_container hostname restore_hostname port restore_port username restore_username
    password restore_password format skip_names socket_path restore_socket_path password_transport tls restore_tls
    events routines tablespaces add_drop_database options list_options restore_options
    """

  private static let sections: [(String, String)] = [
    (
      "",
      """
      constants source_directories repositories working_directory user_runtime_directory user_state_directory
      source_directories_must_exist patterns patterns_from exclude_patterns exclude_from exclude_caches
      exclude_if_present keep_exclude_tags exclude_nodump one_file_system numeric_ids atime ctime birthtime flags
      read_special
      borgmatic_source_directory retries retry_wait umask skip_actions default_actions check_repositories
      color verbosity syslog_verbosity log_file_verbosity monitoring_verbosity log_file log_file_format log_json
      progress list_details statistics temporary_directory files_cache files_changed
      unsafe_skip_path_validation_before_create
      encryption_passphrase encryption_passcommand relocated_repo_access_is_ok unknown_unencrypted_repo_access_is_ok
      lock_wait ssh_command remote_path local_path archive_name_format match_archives archive_hostname
      archive_username archive_list_format file_list_format compression recompress chunker_params
      checkpoint_interval checkpoint_volume upload_rate_limit upload_buffer_size
      borg_base_directory borg_config_directory borg_cache_directory borg_security_directory borg_keys_directory
      borg_key_file borg_files_cache_ttl use_chunks_archive debug_passphrase display_passphrase
      check_i_know_what_i_am_doing msgpack_version_check extra_borg_options borg_exit_codes
      keep_within keep_secondly keep_minutely keep_hourly keep_daily keep_weekly keep_monthly keep_yearly
      keep_13weekly keep_3monthly compact_threshold checks check_last
      postgresql_databases mariadb_databases mysql_databases mongodb_databases sqlite_databases
      influxdb_databases openldap_databases zfs btrfs lvm
      bootstrap container systemd keepassxc onepassword commands
      healthchecks watchgoose cronitor uptime_kuma sentry ntfy pushover pagerduty apprise zabbix loki
      """
    ),
    ("repositories", "path label encryption append_only storage_quota make_parent_directories id_hash key_location"),
    ("bootstrap", "store_config_files"),
    ("commands", "before after when states run"),
    ("healthchecks", "ping_url verify_tls send_logs ping_body_limit create_slug states"),
    ("watchgoose", "ping_url verify_tls send_logs ping_body_limit create_slug states"),
    ("cronitor", "ping_url"),
    ("uptime_kuma", "push_url verify_tls states"),
    ("sentry", "data_source_name_url monitor_slug environment states"),
    ("ntfy", "topic server username password access_token start finish fail states"),
    ("ntfy.fail", "title message priority tags"),
    ("pushover", "token user start finish fail states"),
    ("pushover.fail", "message priority expire retry device html sound title ttl url url_title"),
    ("pagerduty", "integration_key send_logs"),
    ("apprise", "services send_logs logs_size_limit start finish fail log states"),
    ("apprise.services", "url label"),
    ("apprise.log", "title body"),
    ("zabbix", "server itemid host key username password api_key start finish fail states"),
    ("zabbix.fail", "value"),
    ("loki", "url labels tls send_logs"),
    ("loki.tls", "cert_path key_path"),
    ("container", "secrets_directory"),
    ("systemd", "systemd_creds_command encrypted_credentials_directory"),
    ("keepassxc", "keepassxc_cli_command secret_tool_command ask_for_password key_file yubikey"),
    ("onepassword", "op_command"),
    (
      "checks",
      """
      name frequency only_run_on max_duration count_tolerance_percentage data_sample_percentage
      data_tolerance_percentage xxh64sum_command
      """
    ),
    ("borg_exit_codes", "code treat_as"),
    (
      "extra_borg_options",
      """
      break_lock check compact create delete export_tar extract key_export key_import key_change_passphrase info init
      list mount prune recreate rename repo_create repo_delete repo_info repo_list transfer umount
      """
    ),
    (
      "postgresql_databases",
      """
      name label container restore_container hostname restore_hostname port restore_port username restore_username
      password restore_password no_owner format compression ssl_mode ssl_cert ssl_key ssl_root_cert ssl_crl
      pg_dump_command pg_restore_command psql_command options list_options restore_options analyze_options
      """
    ),
    (
      "mongodb_databases",
      """
      name label container restore_container hostname restore_hostname port restore_port username restore_username
      password restore_password format options restore_options authentication_database password_transport
      mongodump_command mongorestore_command
      """
    ),
    ("mariadb_databases", sharedByMariaDBAndMySQL + " mariadb_dump_command mariadb_command"),
    ("mysql_databases", sharedByMariaDBAndMySQL + " mysql_dump_command mysql_command"),
    ("sqlite_databases", "name label path restore_path sqlite_command sqlite_restore_command"),
  ]
}
