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
    guard !grantsAll(on: "*.*", server) else { return }
    let scopes = [MariaDBScratch.pattern] + (isWholeServer ? ["*.*"] : [Self.scope(database)])
    let missing = scopes.filter { !grantsAll(on: $0, server) }
    guard !missing.isEmpty else { return }
    let grants = missing.map { "GRANT ALL ON \($0) TO \(server.account)" }.joined(separator: "; ")
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
  private func grantsAll(on scope: String, _ server: Server) -> Bool {
    server.grants.contains { grant in
      guard let on = grant.range(of: " ON "), grant[on.upperBound...].hasPrefix(scope + " TO ") else { return false }
      return grant.hasPrefix("GRANT ALL PRIVILEGES ")
        || ["CREATE", "DROP", "ALTER", "INSERT", "SELECT"].allSatisfy { grant[..<on.lowerBound].contains($0) }
    }
  }

  /// A database as a GRANT names it, in which `_` stands for any character unless it is escaped.
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
