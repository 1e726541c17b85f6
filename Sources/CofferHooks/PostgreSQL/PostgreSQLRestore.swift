import CofferSystem

/// The restore of one database, in one transaction.
struct PostgreSQLRestore: PlannedRestore {
  private let facts: DumpFacts
  private let connection: PostgreSQLConnection
  private let entry: PostgreSQLEntry
  private let mustCreate: Bool

  /// Checks programs, connection and permission to create.
  init(facts: DumpFacts, connection: PostgreSQLConnection, entry: PostgreSQLEntry, context: HookContext) throws {
    self.facts = facts
    self.connection = connection
    self.entry = entry
    if facts.format != "plain" {
      let restorer = connection.command(.restore, ["--version"], context: context)
      _ = try context.launcher.run(restorer, cancellation: context.cancellation)
    }
    let database = facts.identity.database
    let result = try connection.query("SELECT 1", database: database, context: context)
    if result.status.isSuccess {
      mustCreate = false
      return
    }
    guard result.errorLines.joined().contains("database \"\(database)\" does not exist") else {
      throw RestoreError.refused(
        facts.identity, problem: result.errorLines.last ?? "psql failed",
        suggestion: ClientFailure.suggestion(result.errorLines))
    }
    mustCreate = true
    try checkMayCreate(context)
  }

  var summary: String {
    "\(facts.identity.title) -> '\(facts.identity.database)' at \(connection.place)"
      + (mustCreate ? " (created: it is missing there)" : " (its contents are replaced)")
  }

  var wantsFolder: Bool { facts.format == "directory" }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    if mustCreate { try create(context) }
    do {
      let client = try ClientInput(command(folder: folder, context: context), of: facts.identity, context: context)
      return PostgreSQLRunningRestore(
        client, analyze: { analyze(context) }, undo: { if mustCreate { drop(context) } })
    } catch {
      if mustCreate { drop(context) }
      throw error
    }
  }

  private func checkMayCreate(_ context: HookContext) throws {
    let sql = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    let result = try PostgreSQLEntry.maintenance { try connection.query(sql, database: $0, context: context) }
    guard result.status.isSuccess, result.text.hasPrefix("t") else {
      throw RestoreError.refused(
        facts.identity, problem: "the database is missing and the user may not create it",
        suggestion: "Create the database, or grant the user CREATEDB")
    }
  }

  private func create(_ context: HookContext) throws {
    let name = PostgreSQLConnection.quotedIdentifier(facts.identity.database)
    var sql = "CREATE DATABASE \(name) TEMPLATE template0"
    for (option, key) in [("ENCODING", "encoding"), ("LC_COLLATE", "collate"), ("LC_CTYPE", "ctype")] {
      if let value = facts.details[key], !value.isEmpty {
        sql += " \(option) \(PostgreSQLConnection.quotedLiteral(value))"
      }
    }
    let result = try PostgreSQLEntry.maintenance { try connection.query(sql, database: $0, context: context) }
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        facts.identity, program: "CREATE DATABASE", status: result.status, lines: result.errorLines)
    }
    guard let owner = facts.details["owner"], !entry.noOwner else { return }
    // Without the role the restoring user stays the owner; the dump's own statements say more if it matters.
    let change = "ALTER DATABASE \(name) OWNER TO \(PostgreSQLConnection.quotedIdentifier(owner))"
    _ = try PostgreSQLEntry.maintenance { try connection.query(change, database: $0, context: context) }
  }

  private func drop(_ context: HookContext) {
    let sql = "DROP DATABASE IF EXISTS \(PostgreSQLConnection.quotedIdentifier(facts.identity.database))"
    _ = try? PostgreSQLEntry.maintenance { try connection.query(sql, database: $0, context: context) }
  }

  private func command(folder: String?, context: HookContext) -> ChildCommand {
    let database = PostgreSQLConnection.connectionString(facts.identity.database)
    if facts.format == "plain" {
      let arguments = [
        "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--output", "/dev/null",
        "--dbname", database,
      ]
      return connection.command(.psql, arguments + entry.restoreOptions, context: context)
    }
    var arguments = ["--exit-on-error", "--single-transaction", "--dbname", database]
    // In a database that was just made there is nothing to clean, and its schema public must stay.
    if !mustCreate { arguments += ["--clean", "--if-exists"] }
    if entry.noOwner { arguments.append("--no-owner") }
    arguments += ["--format", facts.format] + entry.restoreOptions
    if let folder { arguments.append(folder) }
    return connection.command(.restore, arguments, context: context)
  }

  /// - Returns: Warnings.
  private func analyze(_ context: HookContext) -> [String] {
    let arguments =
      ["--no-psqlrc", "--quiet", "--dbname", PostgreSQLConnection.connectionString(facts.identity.database)]
      + entry.analyzeOptions + ["--command", "ANALYZE"]
    let command = connection.command(.psql, arguments, context: context)
    let result = try? context.launcher.run(command, seconds: 24 * 3600, cancellation: context.cancellation)
    guard let result, result.status.isSuccess else {
      return ["\(facts.identity.title): restored, but ANALYZE failed; run it by hand"]
    }
    return []
  }
}

/// A client that restores in one transaction.
final class PostgreSQLRunningRestore: RunningRestore {
  private let client: ClientInput
  private let analyze: () -> [String]
  private let undo: () -> Void

  init(_ client: ClientInput, analyze: @escaping () -> [String], undo: @escaping () -> Void) {
    self.client = client
    self.analyze = analyze
    self.undo = undo
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try client.write(bytes)
  }

  func finish() throws -> [String] {
    do {
      try client.finish()
    } catch {
      abandon()
      throw error
    }
    return analyze()
  }

  func abandon() {
    client.abandon()
    undo()
  }
}
