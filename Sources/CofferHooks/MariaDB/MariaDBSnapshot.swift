import CofferSystem

/// What the dump program says of the target as it is, kept in memory to bring it back.
struct MariaDBSnapshot {
  let entry: MariaDBEntry
  let identity: DumpIdentity
  let rules: MariaDBScript.Rules
  let context: HookContext

  /// The same with another context.
  func on(_ context: HookContext) -> MariaDBSnapshot {
    MariaDBSnapshot(entry: entry, identity: identity, rules: rules, context: context)
  }

  private static let outputLimit = 1 << 30
  private static let seconds: Double = 3600

  /// The views, triggers, routines and events of databases.
  ///
  /// Going on after errors: a view that is broken already must not stand in the way of a restore.
  ///
  /// - Parameter mayLack: Whether what could not be asked for, because the connection was lost, may be missing.
  func programs(of databases: [String], mayLack: Bool = false) throws -> [MariaDBScript.StoredProgram] {
    guard !databases.isEmpty else { return [] }
    let arguments = ["--force", "--no-data", "--triggers", "--events", "--routines", "--single-transaction"]
    let broken = try brokenViews(of: databases).map { "--ignore-table=\($0)" }
    let script = try take(
      arguments + broken + ["--databases", "--"] + databases, goesOn: true, mayLack: mayLack)
    guard !script.holdsFailedView else {
      throw RestoreError.refused(
        identity,
        problem:
          "a view of the database that is there cannot be written down so that it can be told from other statements",
        suggestion: "Drop the views that refer to what is gone, and restore again")
    }
    return script.programs
  }

  /// Views that refer to what is gone. Dump programs write what they are made by into a comment of one line, as it is: behind a line break
  /// in a name of a column, whoever made the view could have written another statement.
  private func brokenViews(of databases: [String]) throws -> [String] {
    let list = databases.map(Quoting.mariadbLiteral).joined(separator: ", ")
    // Views have no number of rows; but who is asked for it opens them, and does not see otherwise what is wrong with them.
    let sql = """
      SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
      WHERE TABLE_TYPE = 'VIEW' AND TABLE_COMMENT <> 'VIEW' AND TABLE_ROWS IS NULL AND TABLE_SCHEMA IN (\(list))
      """
    let answer = try entry.connection.query(sql, options: connectionOptions, context: context)
    guard answer.status.isSuccess else { throw failure(of: .client, answer.status, answer.errorLines) }
    return try answer.rows(of: 2).map { "\($0[0]).\($0[1])" }
  }

  private var connectionOptions: [String] {
    (entry.dumpOptions + entry.restoreOptions).filter(Self.isAboutConnection)
  }

  func accounts() throws -> [MariaDBStatement] {
    try take(["--system=users,udfs,servers", "--databases", "--"], goesOn: false).accounts
  }

  private func take(_ arguments: [String], goesOn: Bool, mayLack: Bool = false) throws -> MariaDBScript {
    let arguments = MariaDBDump.form + (goesOn ? [] : ["--skip-force"]) + arguments
    let result = try entry.connection.withCommand(.dump, connectionOptions, arguments, context: context) { command in
      try context.launcher.run(
        command, outputLimit: Self.outputLimit, seconds: Self.seconds, cancellation: context.cancellation)
    }
    var rules = rules
    rules.takesAccounts = true
    rules.isOfOne = false
    rules.tables = nil
    rules.leavesEvents = false
    rules.target = { $0 }
    var script = MariaDBScript(rules)
    try result.output.withUnsafeBytes { try script.feed($0) { _ in } }
    let lacks = !mayLack && MariaDBFailure.isOfLostConnection(result.errorLines)
    let isWhole = result.status.isSuccess || goesOn && !lacks
    guard script.isComplete, isWhole else {
      throw failure(of: .dump, result.status, result.errorLines)
    }
    return script
  }

  private func failure(of tool: MariaDBConnection.Tool, _ status: ExitStatus, _ lines: [String]) -> RestoreError {
    .programFailed(
      identity, program: entry.connection.program(tool), status: status,
      lines: MariaDBFailure.lines(lines, place: entry.connection.place))
  }

  /// Options of dumps and of clients are not each other's, but for those that lead to the server.
  static func isAboutConnection(_ option: String) -> Bool {
    ["--defaults-extra-file=", "--ssl", "--tls", "--plugin-dir=", "--default-auth="].contains {
      option.begins(with: $0)
    }
  }
}
