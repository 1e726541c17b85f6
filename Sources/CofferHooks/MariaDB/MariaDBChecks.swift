import CofferSystem

/// What can be known of a server before a restore touches it.
struct MariaDBChecks {
  let session: MariaDBSession
  let entry: MariaDBEntry

  struct Server {
    /// As the server spells them.
    let databases: Set<ExactName>
    let facts: MariaDBServerFacts
    /// Warnings of what interrupted restores have left, and of what else is odd.
    let warnings: [String]
    /// Of views whose places were held for the end of a run that did not come.
    let unmadeViews: [(database: String, warning: String)]
  }

  private var identity: DumpIdentity { session.identity }

  /// - Throws: `RestoreError.refused`; `LaunchError`.
  func server() throws -> Server {
    // Needed to write down what there is.
    try checkProgram(.dump)
    let databases = try ask("SHOW DATABASES", 1).compactMap(\.first)
    let facts = try MariaDBServerFacts(ask)
    guard !facts.isReadOnly else {
      throw RestoreError.refused(
        identity, problem: "the server at \(session.connection.place) is read-only, as a replica is",
        suggestion: "Restore to its primary, or to another server by --hostname")
    }
    if let (problem, suggestion) = entry.missingEncryption(facts) {
      throw RestoreError.refused(identity, problem: problem, suggestion: suggestion)
    }
    var warnings = databases.filter(MariaDBScratch.isOne).map { name in
      let what = name.ends(with: MariaDBScratch.Use.old.rawValue) ? "what a database held before it" : "half of a dump"
      return "The database \(name) is left from a restore that is still running or was killed, and holds \(what); "
        + "DROP DATABASE \(name) when nobody needs it"
    }
    warnings += entry.connectionWarnings(facts)
    var unmade: [(database: String, warning: String)] = []
    do {
      unmade = try unmadeViews()
    } catch let error as RunCancelled {
      throw error
    } catch {
      // A server that cannot show all of its views keeps nobody from restoring.
      warnings.append(
        "Whether views of earlier restores still wait to be made is not known: \(Diagnosis(of: error).problem)")
    }
    return Server(
      databases: Set(databases.map(ExactName.init)), facts: facts, warnings: warnings, unmadeViews: unmade)
  }

  private func unmadeViews() throws -> [(database: String, warning: String)] {
    let rows = try ask(
      "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS "
        + "WHERE VIEW_DEFINITION LIKE '%\(MariaDBStatement.placeMark)%' ORDER BY 1, 2", 2)
    return rows.map { row in
      let warning =
        "The view \(Quoting.mariadbIdentifier(row[0])).\(Quoting.mariadbIdentifier(row[1])) has no rows: a restore that "
        + "was to make it at its end is still running, failed there or was killed; restore that database again"
      return (row[0], warning)
    }
  }

  /// What the server calls a database of some name.
  func spelling(of name: String, _ server: Server) throws -> String {
    guard server.facts.foldsCase else { return name }
    let own = ExactName(name)
    let keys = try MariaDBNames(session: session).keys(of: [own] + server.databases)
    let key = keys[own] ?? own
    // What is there may have been made in other letters, where the server keeps them.
    if let present = server.databases.first(where: { keys[$0] == key }) { return present.text }
    return server.facts.keepsCase ? name : key.text
  }

  /// Refuses what its options left without rows where there are some, and rows without tables.
  ///
  /// - Parameter database: nil for a whole server.
  func refuseHalf(_ facts: DumpFacts, _ database: String?, _ server: Server) throws {
    if let option = facts.details[MariaDBDump.definitionsKey] {
      throw RestoreError.refused(
        identity,
        problem: "'\(option)' leaves out the tables that its rows are in, so that nothing whole can be made of it",
        suggestion: "Restore a dump that is whole, or load what 'coffer extract' gives by hand")
    }
    guard let option = facts.details[MariaDBDump.rowsKey] ?? rowsOption(of: facts) else { return }
    let names = server.databases.filter { name in
      database.map(name.text.isSame) ?? !(MariaDBScript.isSystem(name.text) || entry.isAccounts(name.text))
    }
    guard !names.isEmpty else { return }
    let list = names.map { "X'\($0.text.hexadecimal)'" }.sorted().joined(separator: ", ")
    let found = try ask(
      """
      SELECT TABLE_SCHEMA FROM information_schema.TABLES
      WHERE TABLE_TYPE <> 'VIEW' AND BINARY TABLE_SCHEMA IN (\(list)) ORDER BY 1 LIMIT 1
      """, 1)
    guard let name = found.first?.first else { return }
    throw RestoreError.refused(
      identity, problem: "'\(option)' left rows out of it when it was dumped, and those of '\(name)' would be gone",
      suggestion: database == nil
        ? "Restore it to a server that has no tables yet (--hostname)"
        : "Restore it under another name with --target-name, or drop the tables first")
  }

  /// Archives that were made before this was kept do not tell, so the configuration does where no rows were seen in the dump.
  private func rowsOption(of facts: DumpFacts) -> String? {
    guard let content = facts.content, content.tables.allSatisfy({ $0.rows == 0 }), entry.definitionsOption == nil
    else { return nil }
    return entry.rowsOption
  }

  /// Whether the user may work in scratch databases and in the target.
  func mayRestore(_ database: String, isWholeServer: Bool, _ server: Server) throws(RestoreError) {
    let scratch = MariaDBScratch.name(MariaDBScratch.mark(), 1, .new)
    // Of a whole server it is not known yet which databases it has.
    let needs = [(scratch, MariaDBScratch.pattern)] + (isWholeServer ? [] : [(database, Self.scope(database))])
    let missing = needs.filter { name, _ in !Self.mayDoAll(server.facts.grants, on: name) }
    guard !missing.isEmpty else { return }
    let grants = missing.map { "GRANT ALL ON \($0.1) TO \(server.facts.account)" }.joined(separator: "; ")
    throw .refused(
      identity, problem: "the user lacks rights on the database, or on those that a restore works in",
      suggestion: "As an administrator: \(grants)")
  }

  func mayChangeAccounts(_ server: Server, isNeeded: Bool) throws(RestoreError) {
    guard isNeeded, !server.facts.grants.passesOnEverything else { return }
    throw .refused(
      identity, problem: "the user may not pass on rights, which the restore of accounts needs",
      suggestion: "As an administrator: GRANT ALL ON *.* TO \(server.facts.account) WITH GRANT OPTION")
  }

  /// As far as it can be told from what the server prints: a right less than all is not looked into.
  static func mayDoAll(_ grants: MariaDBGrants, on database: String) -> Bool {
    ["CREATE", "DROP", "ALTER", "INSERT", "SELECT"].allSatisfy { grants.has($0, on: database) }
  }

  /// A database as a GRANT names it.
  static func scope(_ database: String) -> String {
    Quoting.mariadbIdentifier(database.swapping("_", for: "\\_").swapping("%", for: "\\%")) + ".*"
  }

  private func checkProgram(_ program: MariaDBConnection.Tool) throws {
    let words = session.connection.versionCommand(program, context: session.context)
    let result = try session.context.launcher.run(words, cancellation: session.context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.refused(
        identity, problem: ClientFailure.problem(words.executable, result.status, result.errorLines),
        suggestion: "Correct \(entry.dialect.dumpCommand.name)")
    }
  }

  private func ask(_ sql: String, _ fields: Int) throws -> [[String]] {
    let answer = try entry.guarded {
      try session.connection.query(sql, options: session.options, context: session.context)
    }
    guard answer.status.isSuccess else {
      let lines = MariaDBFailure.lines(answer.errorLines)
      throw RestoreError.refused(
        identity, problem: lines.last ?? "\(session.connection.program(.client)) failed",
        suggestion: identity.advice.suggestion(lines))
    }
    return try session.checked { () throws(MariaDBAnswer.Odd) in try answer.rows(of: fields) }
  }
}

extension String {
  /// The bytes in UTF-8 as hexadecimal digits.
  var hexadecimal: String { utf8.hexadecimal }
}

extension Sequence<UInt8> {
  /// As hexadecimal digits.
  var hexadecimal: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
