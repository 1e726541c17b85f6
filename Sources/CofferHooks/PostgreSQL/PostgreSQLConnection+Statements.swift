import CofferSystem

extension PostgreSQLConnection {
  /// Runs one statement that others on this machine do not see, in a session of our own.
  ///
  /// - Throws: `RestoreError.programFailed`, `.inputIgnored`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func execute(
    _ statement: PostgreSQLStatement, database: String, of identity: DumpIdentity, isCleanup: Bool = false,
    context: HookContext
  ) throws {
    try run(statement.bytes + ";\n".utf8, database, identity, isCleanup, context)
  }

  /// Runs one statement of a dump, which is not trusted to be only that.
  ///
  /// - Parameter statement: With its semicolon.
  /// - Throws: As `execute(_:database:of:)`.
  func execute(
    foreign statement: ServerText, database: String, of identity: DumpIdentity, context: HookContext
  ) throws {
    var script = try RestrictedScript(for: self, of: identity, context: context)
    var input = Array(script.beginning.utf8)
    try (statement.bytes + "\n".utf8).withUnsafeBytes { try script.feed($0) { input += $0 } }
    try run(input + script.end.utf8, database, identity, false, context)
  }

  private func run(
    _ script: [UInt8], _ database: String, _ identity: DumpIdentity, _ isCleanup: Bool, _ context: HookContext
  ) throws {
    let confirmation = "coffer-done"
    let result = try context.launcher.run(
      PostgreSQLSession(database, self, context).command([.input]),
      input: script + "\\o\n\\echo \(confirmation)\n".utf8,
      cancellation: isCleanup ? nil : context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    guard result.text.ends(with: confirmation + "\n") else {
      throw RestoreError.inputIgnored(identity, program: "psql")
    }
  }

  /// Runs statements one after the other, each by itself: one that the server refuses does not keep the others from working.
  ///
  /// - Returns: What was refused, in the server's words.
  /// - Throws: What kept a statement from being judged by the server, as a connection that is lost: `RestoreError.programFailed`,
  ///   `.inputIgnored`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func refusals(
    of statements: [PostgreSQLStatement], database: String, identity: DumpIdentity, context: HookContext
  ) throws -> [String] {
    try statements.compactMap { statement in
      do {
        try execute(statement, database: database, of: identity, context: context)
        return nil
      } catch RestoreError.programFailed(_, _, let status, let lines)
        where PostgreSQLFailure.isRefusal(status, lines)
      {
        return PostgreSQLFailure.telling(lines)
      }
    }
  }

  /// The same where nothing can be taken back any more: whatever fails does not keep the others from working.
  ///
  /// - Returns: What failed, in the server's words.
  func executeEach(
    _ statements: [PostgreSQLStatement], database: String, of identity: DumpIdentity, context: HookContext
  ) -> [String] {
    statements.compactMap { statement in
      do {
        try execute(statement, database: database, of: identity, context: context)
        return nil
      } catch RestoreError.programFailed(_, _, _, let lines) {
        return PostgreSQLFailure.telling(lines)
      } catch {
        return RestoreError.cause(of: error)
      }
    }
  }
}
