import CofferSystem

/// Puts roles and tablespaces back so that nothing has changed if the restore fails later on.
///
/// New roles and tablespaces are made first, because databases are to belong to them; no old one is touched by that,
/// and they are removed again if need be. What changes old ones is for the transaction that ends the restore.
struct ServerGlobals {
  /// The statements that are left for the end.
  let changes: [ServerText]
  let warnings: [String]
  private let identity: DumpIdentity
  private let connection: PostgreSQLConnection
  private let context: HookContext
  private var undoSteps = UndoSteps()

  private static let database = "template1"

  /// Gives a folder in which a tablespace is made, in place of the dump's: that one is its own server's.
  typealias Placing = @Sendable () throws -> String

  /// Makes what is missing.
  ///
  /// - Parameter placing: Where tablespaces are made; nil for where the dump has them.
  /// - Throws: `RestoreError`; everything is then as it was.
  init(
    _ statements: GlobalStatements, facts: DumpFacts, connection: PostgreSQLConnection, options: [String],
    placing: Placing? = nil, context: HookContext
  ) throws {
    identity = facts.identity
    self.connection = connection
    self.context = context
    if let strange = statements.strange {
      throw RestoreError.refused(
        facts.identity, problem: "among the roles stands a statement that pg_dumpall does not write: \(strange.shown)",
        suggestion: "Look at the dump with 'coffer extract' before anything of it is run")
    }
    let newRoles = try Set(statements.roles).subtracting(
      connection.names("rolname", of: "pg_roles", facts.identity, context))
    let known = try connection.names("spcname", of: "pg_tablespace", facts.identity, context)
    try ScriptClient.run(
      statements.making(newRoles), in: Self.database, options: options, connection: connection, of: facts.identity,
      context: context)
    var warnings: [String] = []
    var missing: Set<ServerText> = []
    var made: [PostgreSQLStatement] = newRoles.map { "DROP ROLE \(identifier: $0)" }
    // No transaction can hold these.
    for tablespace in statements.tablespaces where !known.contains(tablespace.name) {
      do {
        try connection.execute(
          foreign: Self.creation(of: tablespace, placing, identity), database: Self.database, of: facts.identity,
          context: context)
        made.append("DROP TABLESPACE \(identifier: tablespace.name)")
      } catch RestoreError.programFailed(_, _, _, let lines) {
        missing.insert(tablespace.name)
        warnings.append(
          "\(facts.identity.title): The tablespace '\(tablespace.name.shown)' could not be made: "
            + PostgreSQLFailure.telling(lines))
      } catch {
        for statement in made.reversed() {
          try? connection.execute(
            statement, database: Self.database, of: facts.identity, isCleanup: true, context: context)
        }
        throw error
      }
    }
    if facts.details["passwords"] == "none", !newRoles.isEmpty {
      warnings.append(
        "\(facts.identity.title): These roles have no passwords, because they were saved without: "
          + newRoles.map(\.shown).sorted().joined(separator: ", "))
    }
    self.warnings = warnings
    changes = statements.changes(besides: newRoles, without: missing)
    for statement in made {
      undoSteps.add { [identity] in
        try? connection.execute(
          statement, database: Self.database, of: identity, isCleanup: true, context: context)
      }
    }
  }

  private static func creation(
    of tablespace: (name: ServerText, creation: ServerText), _ placing: Placing?, _ identity: DumpIdentity
  ) throws -> ServerText {
    guard let placing else { return tablespace.creation }
    guard let moved = GlobalStatements.creation(tablespace.creation, in: try placing()) else {
      throw RestoreError.refused(
        identity, problem: "the statement that makes the tablespace '\(tablespace.name.shown)' cannot be read",
        suggestion: nil)
    }
    return moved
  }

  /// Removes what was made; to be called when nothing belongs to it any more.
  mutating func undo() {
    undoSteps.run()
  }
}

extension PostgreSQLConnection {
  /// The names that a catalogue has.
  ///
  /// - Throws: `RestoreError.programFailed`.
  func names(
    _ column: PostgreSQLStatement, of catalogue: PostgreSQLStatement, isCleanup: Bool = false, _ identity: DumpIdentity,
    _ context: HookContext
  ) throws -> Set<ServerText> {
    let result = try query(
      "SELECT \(PostgreSQLAnswer.text("t.\(column)")) FROM pg_catalog.\(catalogue) t", database: "template1",
      isCleanup: isCleanup, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: 1) else {
      throw RestoreError.programFailed(identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    return Set(answer.rows.compactMap { $0[0] })
  }
}
