import CofferSystem

/// Recognises what MariaDB's and MySQL's programs say when they fail. They name errors by numbers that are nobody else's.
enum MariaDBFailure {
  private static let ended =
    "The server ended the connection: look at its log; raise max_allowed_packet and net_write_timeout there if rows "
    + "are large"

  private static let causes: [(signs: [String], advice: String)] = [
    (
      [
        "self-signed certificate", "Validation of SSL server certificate failed", "certificate verify failed",
        "unable to get local issuer certificate", "certificate has expired", "certificate is not yet valid",
        "Hostname verification failed",
      ],
      "The server's certificate is not one of the authorities' that are trusted, or not for this hostname, or not of "
        + "this time: correct tls_ca (for restores restore_tls_ca) and hostname, or renew the certificate"
    ),
    (
      ["TLS/SSL error: No such file", "TLS/SSL error: Permission denied", "SSL_CTX_set_default_verify_paths"],
      "Correct tls_ca (for restores restore_tls_ca): the file cannot be read"
    ),
    (["TLS/SSL error: Connection reset", "TLS/SSL error: Broken pipe", "TLS/SSL error: unexpected eof"], ended),
    (
      ["TLS/SSL error", "SSL connection error", "ERROR 2026", "error: 2026"],
      "The client wants an encrypted connection that the server does not offer; "
        + "write 'tls: false' (for restores 'restore_tls: false') if the network is safe"
    ),
    (["1045"], "Correct username and password in the configuration, or let the user connect from this host"),
    (["1698"], "The server knows the user by the operating system's; connect by socket_path as that user"),
    (["2002", "2003", "2005"], "Check that the server runs, and hostname, port or socket_path in the configuration"),
    (["1049"], "Correct the name in the configuration, or create the database"),
    (["2006", "2013"], ended),
    (["1153", "2020"], "Raise max_allowed_packet on the server: a row is larger than it takes"),
    (["1040", "1203"], "The server has too many connections; raise max_connections or try again"),
    (["1205", "1213"], "Something holds the tables locked; see SHOW PROCESSLIST, and try again"),
    (["1273", "1115"], "The dump uses a collation or a character set that the server does not know; use a newer one"),
    (["1419"], "Set log_bin_trust_function_creators on the server, or restore as a user with SUPER"),
    (["1356"], "A view refers to what is not there any more, or its definer may not see it; mend or drop the view"),
    (["1133"], "The server ignores one of its accounts, as skip_name_resolve makes it do; drop that account"),
    (["1290", "1836"], "The server does not take changes (read_only); restore to its primary, or to another one"),
    (
      ["4165"],
      "The cluster takes only what it replicates: loosen its wsrep_mode for the restore, or leave out what has another "
        + "engine or no primary key"
    ),
    (["1021", "1114", "Errcode: 28"], "Free some space on the server: a restore needs room for both copies"),
    (["1118"], "The table is wider than the server takes: set innodb_strict_mode = OFF on it for the restore"),
    (["1146"], "Restore the database that has the table first, or mend what refers to it"),
    (["1449"], "Create the account that is named as definer, or mend what names it"),
    (["1524", "1156"], "The account logs in by a plugin that the server does not have: install it there"),
    (["1286"], "The server lacks an engine that the dump's tables need: install it there"),
    (["1226"], "Raise the limit that is named: ALTER USER ... WITH MAX_QUERIES_PER_HOUR 0, for example"),
    (["1820", "1862"], "Give the user a new password: ALTER USER ... IDENTIFIED BY"),
    (["4151", "3118"], "Unlock the account: ALTER USER ... ACCOUNT UNLOCK, or set username to another one"),
    (
      ["insufficient privileges to SHOW CREATE"],
      "As an administrator: GRANT SELECT ON mysql.proc TO the user (on MySQL, GRANT SHOW_ROUTINE ON *.*); or write 'routines: false'"
    ),
    (["unknown option", "unknown variable"], "The program does not know an option; correct options, or its command"),
  ]

  /// What mariadb-backup says, which names no errors.
  private static let backupCauses: [(sign: String, advice: String)] = [
    (
      "missing required privilege",
      "As an administrator: GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO the user (before MariaDB 10.5 REPLICATION CLIENT in place of BINLOG MONITOR)"
    ),
    (
      "Can't change dir to",
      "Run the backup on the server's host, as root or as the server's user: mariadb-backup reads the files of the data directory"
    ),
    (
      "seems to be corrupted",
      "A file of the server is damaged: keep the older backups, look at the server's disk, and have it look at the table (CHECK TABLE)"
    ),
    (
      "Failed to connect to MariaDB server",
      "Check that the server runs, and username, password and socket_path (or hostname and port) in the configuration"
    ),
  ]

  /// Where the programs come from.
  static let installations = FailureAdvice.debian(["mariadb", "mariadb-dump", "mariadb-binlog"], "mariadb-client")
    .merging(
      FailureAdvice.debian(["mysql", "mysqldump", "mysqlbinlog"], "default-mysql-client")
    ) { first, _ in first }
    .merging(FailureAdvice.debian(["mariadb-backup"], "mariadb-backup")) { first, _ in first }

  /// - Returns: nil when the text is of no known failure of these programs.
  static func suggestion(_ text: String) -> String? {
    if let advice = backupCauses.first(where: { text.holds($0.sign) })?.advice { return advice }
    guard isOurs(text) else { return nil }
    return missingPrivilege(text)
      ?? causes.first { cause in
        cause.signs.contains { sign in Int(sign) == nil ? text.holds(sign) : mentions(text, error: sign) }
      }?.advice
  }

  /// The server's own lines. In between the clients print the statement that failed, rows and all.
  ///
  /// - Parameter place: The server's address and port, which errors of the connection do not name.
  static func lines(_ lines: [String], place: String? = nil) -> [String] {
    let own = lines.filter { $0.begins(with: "ERROR ") || $0.begins(with: "mariadb") || $0.begins(with: "mysql") }
    let telling = own.isEmpty ? lines.filter { isOurs($0) } : own
    let kept = telling.isEmpty ? lines : telling
    guard let place else { return kept }
    return isOfConnection(kept) ? kept.map { $0.holds(place) ? $0 : "\($0) [\(place)]" } : kept
  }

  /// Whether a client has not got to the server, or has lost it.
  static func isOfConnection(_ lines: [String]) -> Bool {
    ["2002", "2003", "2005", "2006", "2013", "2026", "1045"].contains { number in
      lines.contains { mentions($0, error: number) }
    }
  }

  /// Whether a dump program that goes on after errors had nobody to ask any more. The number stands behind what it asked for, in
  /// which there are names.
  static func isOfLostConnection(_ lines: [String]) -> Bool {
    lines.contains { line in
      line.ends(with: "(2006)") || line.ends(with: "(2013)")
        || line.firstMatch(of: /^[^ ]+: (Got error: (2006|2013): |Error: '(Lost connection|.*erver has gone away))/)
          != nil
    }
  }

  private static func isOurs(_ text: String) -> Bool {
    ["ERROR ", "Got error: ", "Couldn't execute '", "mariadb", "mysql"].contains { text.holds($0) }
  }

  private static func mentions(_ text: String, error number: String) -> Bool {
    ["ERROR \(number) ", "error: \(number):", "(\(number))"].contains { text.holds($0) }
  }

  /// What a user needs to dump a database.
  private static let dumping = "SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, EXECUTE"

  /// Names the GRANT that is missing.
  private static func missingPrivilege(_ text: String) -> String? {
    let user = quoted(text, after: "for user ").map { "\($0)" } ?? "the user"
    if let privilege = text.firstMatch(of: /at least one of\) the (.+?) privilege/)?.1 {
      let name = String(privilege).swapping(", ", for: " or ")
      let hint = privilege.holds("PROCESS") ? ", or write 'tablespaces: false'" : ""
      return "As an administrator: GRANT \(name) ON *.* TO \(user)\(hint)"
    }
    guard ["1044", "1142", "1227", "1370", "1143"].contains(where: { mentions(text, error: $0) }) else { return nil }
    if let database = text.firstMatch(of: /to database '(.+?)'/)?.1 {
      let scope = Quoting.mariadbIdentifier(String(database))
      return "As an administrator: GRANT \(dumping) ON \(scope).* TO \(user), and to restore GRANT ALL"
    }
    if let found = text.firstMatch(of: /([A-Z][A-Z ]+) command denied to user/),
      let table = table(behind: "for table ", in: text)
    {
      let denied = quoted(text, after: "denied to user ") ?? "the user"
      // Who has no right on a table may not see how it is made either.
      let right = String(found.1).isSame(as: "SHOW") ? "SELECT" : String(found.1)
      return "As an administrator: GRANT \(right) ON \(table) TO \(denied)"
    }
    // Also whom a function acts for that a view calls.
    if let database = text.firstMatch(of: /execute command denied to user .+ for routine '(.+?)\./)?.1 {
      let denied = quoted(text, after: "denied to user ") ?? "the user"
      return "As an administrator: GRANT EXECUTE ON \(Quoting.mariadbIdentifier(String(database))).* TO \(denied)"
    }
    return "Grant the user what it lacks: \(dumping) to dump, ALL to restore"
  }

  /// A table's name, written anew: others may have chosen it, and the statement is for pasting.
  private static func table(behind sign: String, in text: String) -> String? {
    let parts = text.parts(by: sign, limit: 2)
    guard parts.count == 2 else { return nil }
    let lexemes = SQLLexemes(Array(parts[1].utf8), LexicalMode()).all
    let name = lexemes.prefix { $0.name != nil || $0.isSign(".") }.compactMap(\.name)
    if !name.isEmpty { return name.map(Quoting.mariadbIdentifier).joined(separator: ".") }
    guard case .text(let text)? = lexemes.first?.content else { return nil }
    return Quoting.mariadbIdentifier(text)
  }

  /// An account as `'user'@'host'`.
  private static func quoted(_ text: String, after sign: String) -> String? {
    let parts = text.parts(by: sign, limit: 2)
    guard parts.count == 2 else { return nil }
    return parts[1].prefixMatch(of: /'[^']*'@'[^']*'/).map { String($0.0) }
  }
}
