import CofferSystem
import Foundation

/// A dump that is not complete.
public enum DumpError: DiagnosableError, Equatable {
  /// The dump program said that it failed, or was killed.
  case programFailed(DumpIdentity, program: String, status: ExitStatus, lines: [String])
  /// The program ended well, but wrote nothing.
  case empty(DumpIdentity, program: String)
  /// The program ended well, but the dump lacks its end.
  case incomplete(DumpIdentity, program: String, missing: String)
  case stalled(DumpIdentity, program: String, seconds: Int)
  case tookTooLong(DumpIdentity, program: String, seconds: Int)
  /// The configuration names the same place in the archive twice.
  case duplicate(DumpIdentity)
  /// The configuration of the database cannot work.
  case misconfigured(DumpIdentity, problem: String, suggestion: String)
  /// The server's databases could not be listed.
  case listingFailed(DumpIdentity, program: String, lines: [String])

  public var identity: DumpIdentity {
    switch self {
    case .programFailed(let identity, _, _, _), .empty(let identity, _), .incomplete(let identity, _, _),
      .stalled(let identity, _, _), .tookTooLong(let identity, _, _), .duplicate(let identity),
      .misconfigured(let identity, _, _), .listingFailed(let identity, _, _):
      identity
    }
  }

  /// The error for an entry whose options or commands cannot be split into words.
  static func openQuote(in identity: DumpIdentity) -> DumpError {
    .misconfigured(
      identity, problem: "A quote in its options or commands is not closed", suggestion: "Close the quote")
  }

  /// Whether the same dump may well succeed a little later.
  public var isWorthARetry: Bool {
    switch self {
    case .programFailed, .empty, .incomplete, .stalled, .tookTooLong, .listingFailed: true
    case .duplicate, .misconfigured: false
    }
  }

  public var diagnosis: Diagnosis {
    let (problem, suggestion) = text
    return Diagnosis(subject: identity.title, problem: problem, suggestion: suggestion)
  }

  private var text: (String, String?) {
    switch self {
    case .programFailed(_, let program, let status, let lines):
      (ClientFailure.problem(program, status, lines), ClientFailure.suggestion(lines))
    case .empty(_, let program):
      ("\(program) ended without an error, but wrote nothing", "Run the dump by hand and see what it says")
    case .incomplete(_, let program, let missing):
      (
        "\(program) ended without an error, but the dump is not complete: \(missing)",
        "Run the command again; if it happens again, look at the server's log"
      )
    case .stalled(_, let program, let seconds):
      (
        "\(program) wrote nothing for \(seconds) seconds and was ended",
        "See what it waits for (locks on the server, a prompt), or raise dump_stall_timeout"
      )
    case .tookTooLong(_, let program, let seconds):
      ("\(program) took more than \(seconds) seconds and was ended", "Raise dump_time_limit, or see what slows it")
    case .duplicate(let identity):
      (
        "Two entries of the configuration lead to the same dump '\(Quoting.terminal(identity.path))'",
        "Give one of them a label"
      )
    case .misconfigured(_, let problem, let suggestion): (problem, suggestion)
    case .listingFailed(_, let program, let lines):
      (
        "The databases of the server could not be listed: \(ClientFailure.telling(lines) ?? "\(program) said nothing")",
        ClientFailure.suggestion(lines)
      )
    }
  }
}

/// Recognises what client programs say when they fail.
enum ClientFailure {
  /// The line that says what happened: what follows it are mostly questions and hints.
  static func telling(_ lines: [String]) -> String? {
    lines.first(where: isTelling) ?? lines.last
  }

  static func problem(_ program: String, _ status: ExitStatus, _ lines: [String]) -> String {
    let end =
      switch status {
      case .exited(let code): "\(program) failed with exit status \(code)"
      case .signalled(let signal): "\(program) was killed by signal \(signal)"
      }
    return lines.isEmpty ? end : end + ": " + told(lines).joined(separator: " / ")
  }

  /// What servers and programs begin the telling line with; messages are asked for in English. Statements and contexts of
  /// any length follow it. MariaDB's client says `ERROR 1064`.
  static let signs = ["FATAL:", "ERROR:", "PANIC:", "error:", "ERROR "]

  static func isTelling(_ line: String) -> Bool { signs.contains { line.holds($0) } }

  /// Five lines: from the first that tells the error on, or else the last ones.
  private static func told(_ lines: [String]) -> ArraySlice<String> {
    guard let first = lines.firstIndex(where: isTelling) else { return lines.suffix(5) }
    return lines[first...].prefix(5)
  }

  private static let causes: [(sign: String, advice: String)] = [
    ("password authentication failed", "Correct username and password in the configuration"),
    ("no password supplied", "Set password in the configuration, or a line in ~/.pgpass"),
    ("Authentication failed", "Correct username, password and authentication_database in the configuration"),
    ("not authorized on", "Grant the user the role that it lacks: 'backup' for dumps, 'restore' for restores"),
    ("server selection error", "Check that the server runs, and hostname and port in the configuration"),
    ("Connection refused", "Check that the server runs, and hostname and port in the configuration"),
    ("could not translate host name", "Correct hostname in the configuration"),
    ("No such file or directory", "Check that the server runs and that the path or socket is right"),
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
    (
      "role \"",
      "Create the missing role, restore the server's 'all' dump first, or set no_owner: true and restore_options: --no-acl"
    ),
    ("already exists", "The database holds what the dump does not replace; drop it, or restore where it is missing"),
    ("other objects depend on it", "Drop what depends on the dump's objects, or restore where the database is missing"),
    ("FATAL:  database \"", "Correct the name in the configuration, or create what is missing"),
    ("does not exist", "Create what is missing there, or correct its name"),
    ("database is locked", "Another process holds the database locked; try again when it is done"),
    ("No space left", "Free some space on the server"),
  ]

  static func suggestion(_ lines: [String]) -> String? {
    let text = lines.joined(separator: "\n")
    let advice = MariaDBFailure.suggestion(text) ?? PostgreSQLFailure.suggestion(text) ?? SQLiteAdvice.suggestion(text)
    if let advice { return advice }
    if let server = serverVersion(text) { return installation(server) }
    return causes.first { text.holds($0.sign) }?.advice
  }

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

  /// The lines that are warnings; other lines are how a program tells what it is doing.
  static func warnings(_ lines: [String]) -> [String] {
    lines.filter { $0.lowercased().holds("warning:") }
  }
}
