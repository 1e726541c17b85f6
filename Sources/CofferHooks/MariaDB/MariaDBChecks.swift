import CofferSystem

/// What can be known of a server before a restore touches it.
struct MariaDBChecks {
  let session: MariaDBSession
  let entry: MariaDBEntry

  struct Server {
    let databases: Set<String>
    /// What SHOW GRANTS says.
    let grants: [String]
    /// The account, as GRANT wants it.
    let account: String
    /// Warnings of what interrupted restores have left.
    let leftovers: [String]
  }

  private var identity: DumpIdentity { session.identity }

  /// - Throws: `RestoreError.refused`; `LaunchError`.
  func server() throws -> Server {
    // Needed to write down what there is.
    try checkProgram(.dump)
    let databases = try ask("SHOW DATABASES").compactMap(\.first)
    let account = try ask("SELECT CURRENT_USER()").first?.first ?? ""
    return Server(
      databases: Set(databases), grants: try ask("SHOW GRANTS").compactMap(\.first),
      account: MariaDBAccounts.Account(current: account).quoted,
      leftovers: databases.filter(MariaDBScratch.isOne).map { name in
        let what =
          name.hasSuffix(MariaDBScratch.Use.old.rawValue)
          ? "what a database held before it" : "half of a dump"
        return "The database \(name) is left from a restore that is still running or was killed, and holds \(what); "
          + "DROP DATABASE \(name) when nobody needs it"
      })
  }

  /// Whether the user may work in scratch databases and in the target.
  func mayRestore(_ database: String, isWholeServer: Bool, _ server: Server) throws(RestoreError) {
    let scratch = MariaDBScratch.name(MariaDBScratch.mark(), 1, .new)
    // Of a whole server it is not known yet which databases it has.
    let needs = [(scratch, MariaDBScratch.pattern)] + (isWholeServer ? [] : [(database, Self.scope(database))])
    let missing = needs.filter { name, _ in !server.grants.contains { Self.grantsAll($0, on: name) } }
    guard !missing.isEmpty else { return }
    let grants = missing.map { "GRANT ALL ON \($0.1) TO \(server.account)" }.joined(separator: "; ")
    throw .refused(
      identity, problem: "the user lacks rights on the database, or on those that a restore works in",
      suggestion: "As an administrator: \(grants)")
  }

  func mayChangeAccounts(_ server: Server, isNeeded: Bool) throws(RestoreError) {
    guard isNeeded else { return }
    let canGrant = server.grants.contains { $0.contains(" ON *.* TO ") && $0.contains("WITH GRANT OPTION") }
    guard canGrant else {
      throw .refused(
        identity, problem: "the user may not pass on rights, which the restore of accounts needs",
        suggestion: "As an administrator: GRANT ALL ON *.* TO \(server.account) WITH GRANT OPTION")
    }
  }

  /// As far as it can be told from what the server prints: a right less than all is not looked into.
  static func grantsAll(_ grant: String, on database: String) -> Bool {
    guard let on = grant.range(of: " ON "), let to = grant.range(of: ".* TO ") else { return false }
    let rights = grant[..<on.lowerBound]
    let isEnough =
      grant.hasPrefix("GRANT ALL PRIVILEGES ")
      || ["CREATE", "DROP", "ALTER", "INSERT", "SELECT"].allSatisfy { rights.contains($0) }
    return isEnough && covers(grant[on.upperBound..<to.lowerBound], database)
  }

  /// Whether what a grant is on includes a database: `*`, or a name in which `%` stands for anything, `_` for one
  /// character, and either for itself behind a backslash.
  private static func covers(_ scope: Substring, _ database: String) -> Bool {
    guard scope != "*" else { return true }
    let name = scope.dropFirst().dropLast().replacing("``", with: "`")
    let plain = name.replacing("\\", with: "")
    return plain == database || (name.hasSuffix("%") && database.hasPrefix(plain.dropLast()))
  }

  /// A database as a GRANT names it.
  private static func scope(_ database: String) -> String {
    MariaDBConnection.quotedIdentifier(database) + ".*"
  }

  private func checkProgram(_ program: MariaDBConnection.Program) throws {
    let words = session.connection.versionCommand(program, context: session.context)
    let result = try session.context.launcher.run(words, cancellation: session.context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.refused(
        identity, problem: ClientFailure.problem(words.executable, result.status, result.errorLines),
        suggestion: "Correct \(entry.dialect.dumpCommand.name)")
    }
  }

  private func ask(_ sql: String) throws -> [[String]] {
    let answer = try entry.guarded {
      try session.connection.query(sql, options: session.options, context: session.context)
    }
    guard answer.status.isSuccess else {
      let lines = MariaDBFailure.lines(answer.errorLines)
      throw RestoreError.refused(
        identity, problem: lines.last ?? "\(session.connection.program(.client)) failed",
        suggestion: ClientFailure.suggestion(lines))
    }
    return answer.rows
  }
}
