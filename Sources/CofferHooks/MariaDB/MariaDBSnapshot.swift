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
  func programs(of databases: [String]) throws -> [MariaDBScript.StoredProgram] {
    guard !databases.isEmpty else { return [] }
    let arguments = [
      "--force", "--no-data", "--triggers", "--events", "--routines", "--single-transaction", "--databases", "--",
    ]
    return try take(arguments + databases, goesOn: true).programs
  }

  func accounts() throws -> [MariaDBStatement] {
    try take(["--system=users,udfs,servers", "--databases", "--"], goesOn: false).accounts
  }

  private func take(_ arguments: [String], goesOn: Bool) throws -> MariaDBScript {
    let options = (entry.dumpOptions + entry.restoreOptions).filter(Self.isAboutConnection)
    let arguments = MariaDBDump.form + (goesOn ? [] : ["--skip-force"]) + arguments
    let result = try entry.connection.withCommand(.dump, options, arguments, context: context) { command in
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
    guard script.isComplete, goesOn || result.status.isSuccess else {
      throw RestoreError.programFailed(
        identity, program: entry.connection.program(.dump), status: result.status,
        lines: MariaDBFailure.lines(result.errorLines, place: entry.connection.place))
    }
    return script
  }

  /// Options of dumps and of clients are not each other's, but for those that lead to the server.
  static func isAboutConnection(_ option: String) -> Bool {
    ["--defaults-extra-file=", "--ssl", "--tls", "--plugin-dir=", "--default-auth="].contains {
      option.begins(with: $0)
    }
  }
}
