import Foundation

/// Recognises what MariaDB's and MySQL's programs say when they fail. They name errors by numbers that are nobody else's.
enum MariaDBFailure {
  private static let causes: [(signs: [String], advice: String)] = [
    (
      ["TLS/SSL error", "SSL connection error", "ERROR 2026", "error: 2026", "self-signed certificate"],
      "The client wants an encrypted connection that the server does not offer, or whose certificate it does not trust; "
        + "write 'tls: false' (for restores 'restore_tls: false') if the network is safe"
    ),
    (["1045"], "Correct username and password in the configuration, or let the user connect from this host"),
    (["1698"], "The server knows the user by the operating system's; connect by socket_path as that user"),
    (["2002", "2003", "2005"], "Check that the server runs, and hostname, port or socket_path in the configuration"),
    (["1049"], "Correct the name in the configuration, or create the database"),
    (
      ["2006", "2013"],
      "The server ended the connection: look at its log; raise max_allowed_packet and net_write_timeout there if rows "
        + "are large"
    ),
    (["1153", "2020"], "Raise max_allowed_packet on the server: a row is larger than it takes"),
    (["1040", "1203"], "The server has too many connections; raise max_connections or try again"),
    (["1205", "1213"], "Something holds the tables locked; see SHOW PROCESSLIST, and try again"),
    (["1273", "1115"], "The dump uses a collation or a character set that the server does not know; use a newer one"),
    (["1419"], "Set log_bin_trust_function_creators on the server, or restore as a user with SUPER"),
    (["1356"], "A view refers to what is not there any more, or its definer may not see it; mend or drop the view"),
    (["1133"], "The server ignores one of its accounts, as skip_name_resolve makes it do; drop that account"),
    (["1290"], "The server does not take changes (read_only); restore to another one"),
    (["1021", "1114", "Errcode: 28"], "Free some space on the server: a restore needs room for both copies"),
    (["unknown option", "unknown variable"], "The program does not know an option; correct options, or its command"),
  ]

  /// - Returns: nil when the text is of no known failure of these programs.
  static func suggestion(_ text: String) -> String? {
    guard isOurs(text) else { return nil }
    return missingPrivilege(text)
      ?? causes.first { cause in
        cause.signs.contains { sign in Int(sign) == nil ? text.contains(sign) : mentions(text, error: sign) }
      }?.advice
  }

  /// The server's own lines. In between the clients print the statement that failed, rows and all.
  static func lines(_ lines: [String]) -> [String] {
    let own = lines.filter { isOurs($0) }
    return own.isEmpty ? lines : own
  }

  private static func isOurs(_ text: String) -> Bool {
    ["ERROR ", "Got error: ", "Couldn't execute '", "mariadb", "mysql"].contains { text.contains($0) }
  }

  private static func mentions(_ text: String, error number: String) -> Bool {
    ["ERROR \(number) ", "error: \(number):", "(\(number))"].contains { text.contains($0) }
  }

  /// What a user needs to dump a database.
  private static let dumping = "SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, EXECUTE"

  /// Names the GRANT that is missing.
  private static func missingPrivilege(_ text: String) -> String? {
    let user = quoted(text, after: "for user ").map { "\($0)" } ?? "the user"
    if let privilege = text.firstMatch(of: /at least one of\) the (.+?) privilege/)?.1 {
      let name = String(privilege).replacing(", ", with: " or ")
      let hint = privilege.contains("PROCESS") ? ", or write 'tablespaces: false'" : ""
      return "As an administrator: GRANT \(name) ON *.* TO \(user)\(hint)"
    }
    guard ["1044", "1142", "1227", "1370", "1143"].contains(where: { mentions(text, error: $0) }) else { return nil }
    if let database = text.firstMatch(of: /to database '(.+?)'/)?.1 {
      return "As an administrator: GRANT \(dumping) ON `\(database)`.* TO \(user), and to restore GRANT ALL"
    }
    if let found = text.firstMatch(of: /([A-Z][A-Z ]+) command denied to user .* for table ([^\s"\/]+)/) {
      let denied = quoted(text, after: "denied to user ") ?? "the user"
      return "As an administrator: GRANT \(found.1) ON \(found.2) TO \(denied)"
    }
    return "Grant the user what it lacks: \(dumping) to dump, ALL to restore"
  }

  /// An account as `'user'@'host'`.
  private static func quoted(_ text: String, after sign: String) -> String? {
    guard let range = text.range(of: sign) else { return nil }
    return text[range.upperBound...].prefixMatch(of: /'[^']*'@'[^']*'/).map { String($0.0) }
  }
}
