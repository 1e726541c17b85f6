import CofferSystem

/// Recognises what PostgreSQL's programs say when they fail.
enum PostgreSQLFailure {
  /// The line that tells what was wrong, rather than where or what else could be done.
  static func telling(_ lines: [String]) -> String {
    guard let line = ClientFailure.telling(lines) else { return "psql failed and said nothing" }
    guard let sign = ClientFailure.signs.first(where: { line.holds($0) }) else { return line.trimmed }
    let parts = line.parts(by: sign, limit: 2)
    return (parts.last ?? line).trimmed
  }

  /// The telling line and what belongs to it: a host may have several addresses, each with a failure of its own.
  static func told(_ lines: [String]) -> [String] {
    guard let start = lines.firstIndex(where: ClientFailure.isTelling) else { return Array(lines.suffix(1)) }
    let told = lines[start...].filter { !$0.holds("Is the server running") }.prefix(4)
    return [told.map(\.trimmed).joined(separator: " / ")]
  }

  private static let causes: FailureAdvice.Causes = [
    (
      "row-level security",
      "Let the user see every row: ALTER ROLE ... BYPASSRLS, as a superuser; or dump as a superuser"
    ),
    (
      "unsupported startup parameter",
      "A connection pooler does not pass the session's settings on: connect to the server itself, or write "
        + "ignore_startup_parameters = options in PgBouncer's configuration"
    ),
    (
      "backslash commands are restricted",
      "The dump holds a command for psql itself, which none that pg_dump wrote does: look at it with 'coffer extract' "
        + "before anything of it is run"
    ),
    (
      "argument contains a newline or carriage return",
      "pg_dumpall takes no database whose name has a line break: rename it, or set format: custom, which dumps each "
        + "database by itself"
    ),
    (
      "could not create directory",
      "The command may not write into the run's folder: use format custom, or let it run as the user who runs coffer"
    ),
  ]

  static let advice = FailureAdvice(suggestion)

  /// - Returns: nil when the text is of no known failure of these programs.
  static func suggestion(_ text: String) -> String? {
    if let advice = FailureAdvice.first(of: causes, in: text) { return advice }
    // The server reports its own full disk as an ERROR.
    if text.holds("No space left"), !["ERROR:", "FATAL:", "PANIC:"].contains(where: { text.holds($0) }),
      ["pg_dump", "pg_restore", "psql"].contains(where: { text.holds($0) })
    {
      return "Free some space on this machine, or set user_runtime_directory to a folder with more of it"
    }
    if let server = serverVersion(text) { return installation(server) }
    // With it stands the statement that was under way, in which anything may be.
    return FailureAdvice.first(of: ended + laterCauses, in: text)
  }

  private static let ended: FailureAdvice.Causes = [
    "server closed the connection", "terminating connection due to", "SSL SYSCALL error",
    "SSL connection has been closed",
    "could not receive data from server", "could not send data to server", "no connection to the server",
    "connection to server was lost", "the database system is",
  ]
  .map {
    (
      $0,
      "The server, or what is between, ended the connection: look at the server's log, and try again when it answers"
    )
  }

  /// psql's status when a statement has failed, and not the session (`EXIT_USER`).
  private static let refused = ExitStatus.exited(3)

  /// Whether the server has judged what it was asked for, rather than been lost, or not been reached.
  static func isRefusal(_ status: ExitStatus, _ lines: [String]) -> Bool {
    let text = lines.joined(separator: "\n")
    // A wrapper may have a status of its own.
    return (status == refused || text.holds("ERROR:") || text.holds("FATAL:"))
      && FailureAdvice.first(of: ended, in: text) == nil
  }

  private static let unreached = [
    "Broken pipe", "Connection refused", "Connection reset", "Connection timed out", "Network is unreachable",
    "No route to host", "timeout expired",
  ]

  /// Whether a client says that it has lost the server, or did not reach it: in its own words, which no locale changes.
  static func isLost(_ lines: [String]) -> Bool {
    let text = lines.joined(separator: "\n")
    return FailureAdvice.first(of: ended, in: text) != nil || isUnreached(lines)
  }

  /// Whether a client has lost the server, did not reach it, or was killed without a word, so that nobody knows the server's answer.
  ///
  /// - Parameter status: The client's, or that of a shell around it; nil where it is not known.
  static func isLost(_ status: ExitStatus?, _ lines: [String]) -> Bool {
    isLost(lines) || lines.isEmpty && status.map { $0.code > 128 } == true
  }

  /// Whether a client says that it did not reach the server.
  static func isUnreached(_ lines: [String]) -> Bool {
    let text = lines.joined(separator: "\n")
    // Of a host with several addresses (`localhost` has two) the last one that was tried decides. Before version 14 nothing parts them.
    let last = lines.last { $0.holds("failed: ") } ?? (text.holds("FATAL:") ? "" : text)
    return unreached.contains { last.holds($0) }
  }

  /// Where its programs come from.
  static let installations = FailureAdvice.debian(["pg_dump", "pg_dumpall", "pg_restore", "psql"], "postgresql-client")

  static func installation(_ version: Int) -> String {
    "Install postgresql-client-\(version) (apt.postgresql.org has every version), or set pg_dump_command to "
      + "/usr/lib/postgresql/\(version)/bin/pg_dump"
  }

  /// pg_dump refuses servers that are newer than itself: `server version: 16.1; pg_dump version: 15.18`.
  private static func serverVersion(_ text: String) -> Int? {
    let parts = text.parts(by: "server version: ", limit: 2)
    guard text.holds("server version mismatch"), parts.count == 2 else { return nil }
    return PostgreSQLVersion.major(parts[1][...])
  }

  /// Looked for last: they also stand in texts that tell more.
  private static let laterCauses: FailureAdvice.Causes = [
    ("password authentication failed", "Correct username and password in the configuration"),
    ("no password supplied", "Set password in the configuration, or a line in ~/.pgpass"),
    FailureAdvice.connectionRefused,
    ("could not translate host name", "Correct hostname in the configuration"),
    FailureAdvice.noSuchFile,
    ("unsupported version", "Install client programs as new as those that made the dump, or set pg_restore_command"),
    (
      "unrecognized configuration parameter",
      "The client programs are newer than the server; set pg_dump_command or pg_restore_command to those of its version"
    ),
    (
      "permission denied for large object",
      "Connect as a superuser, who alone reads large objects of others, or leave them out by options: --no-blobs"
    ),
    (
      "create subscriptions",
      "Restore as a superuser (--username), or leave subscriptions out: restore_options: --no-subscriptions"
    ),
    (
      "DROP SUBSCRIPTION cannot run inside a transaction block",
      "Restore by a swap (restore_strategy), or leave subscriptions out: restore_options: --no-subscriptions"
    ),
    (
      "permission denied to create extension",
      "Restore as a superuser (--username), who alone can make that extension"
    ),
    ("must be owner of extension", "Restore as a superuser (--username), or by a swap as a user with CREATEDB"),
    ("permission denied to ", "Connect as a superuser (--username), or grant the user the right that is named"),
    (
      "permission denied", "Grant the user what it lacks, for a dump as a superuser: GRANT pg_read_all_data TO the user"
    ),
    (
      "tablespace \"",
      "Create the tablespace on the server, or set --no-tablespaces: in restore_options, for plain dumps in options"
    ),
    ("invalid command \\restrict", "Install the newest minor release of psql, or set psql_command"),
    ("must be owner of", "Connect as the owner or as a superuser (--username)"),
    ("is not permitted to log in", "Let the role log in (ALTER ROLE ... LOGIN), or set username to one that may"),
    (
      "too many connections for",
      "End other sessions, or raise the limit: ALTER ROLE or ALTER DATABASE ... CONNECTION LIMIT"
    ),
    (
      "no pg_hba.conf entry",
      "Let the user in by a line in the server's pg_hba.conf, or correct hostname, username and ssl_mode"
    ),
    (
      "not currently accepting connections",
      "Let it be connected to (ALTER DATABASE ... ALLOW_CONNECTIONS true), or take it out of the configuration"
    ),
    (
      "role \"",
      "Create the missing role, restore the server's 'all' dump first, or set no_owner: true and restore_options: --no-acl"
    ),
    FailureAdvice.alreadyExists,
    (
      "other objects depend on it",
      "Drop what depends on the dump's objects, or restore under another name (--target-name)"
    ),
    ("FATAL:  database \"", "Correct the name in the configuration, or create what is missing"),
    FailureAdvice.doesNotExist,
  ]
}
