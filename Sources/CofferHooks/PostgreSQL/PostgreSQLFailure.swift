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

  private static let causes: [(sign: String, advice: String)] = [
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
      "could not create directory",
      "The command may not write into the run's folder: use format custom, or let it run as the user who runs coffer"
    ),
  ]

  /// - Returns: nil when the text is of no known failure of these programs.
  static func suggestion(_ text: String) -> String? {
    if let cause = causes.first(where: { text.holds($0.sign) }) { return cause.advice }
    // The server reports its own full disk as an ERROR.
    guard text.holds("No space left"), !["ERROR:", "FATAL:", "PANIC:"].contains(where: { text.holds($0) }),
      ["pg_dump", "pg_restore", "psql"].contains(where: { text.holds($0) })
    else { return nil }
    return "Free some space on this machine, or set user_runtime_directory to a folder with more of it"
  }
}
