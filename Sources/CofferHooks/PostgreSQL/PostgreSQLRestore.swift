import CofferSystem

/// The restore of one database, in one transaction.
struct PostgreSQLRestore: PlannedRestore {
  /// What is there to restore into.
  private enum Destination {
    case missing
    /// Made, but without content.
    case empty
    case filled
  }

  private let facts: DumpFacts
  private let connection: PostgreSQLConnection
  private let entry: PostgreSQLEntry
  private let destination: Destination

  private var mustCreate: Bool { destination == .missing }

  /// Checks programs, connection and permission to create.
  init(facts: DumpFacts, connection: PostgreSQLConnection, entry: PostgreSQLEntry, context: HookContext) throws {
    self.facts = facts
    self.connection = connection
    self.entry = entry
    if facts.format != "plain" {
      try Self.checkVersion(facts, connection, context)
    }
    let database = facts.identity.database
    let result = try connection.query(Self.countOfObjects, database: database, context: context)
    if result.status.isSuccess {
      destination = result.text.hasPrefix("0") ? .empty : .filled
      return
    }
    guard result.errorLines.joined().contains("database \"\(database)\" does not exist") else {
      throw RestoreError.refused(
        facts.identity, problem: result.errorLines.last ?? "psql failed",
        suggestion: ClientFailure.suggestion(result.errorLines))
    }
    destination = .missing
    try checkMayCreate(context)
  }

  /// Numbers below 16384 are those of objects that every database is born with (FirstNormalObjectId).
  private static let countOfObjects = """
    SELECT (SELECT count(*) FROM pg_largeobject_metadata) + count(*) FROM (
    SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_proc UNION ALL SELECT oid FROM pg_type
    UNION ALL SELECT oid FROM pg_namespace UNION ALL SELECT oid FROM pg_extension) objects WHERE oid >= 16384
    """

  var summary: String {
    let end =
      switch destination {
      case .missing: "created: it is missing there"
      case .empty: "it is empty there"
      case .filled: "its contents are replaced"
      }
    return "\(facts.identity.title) -> '\(facts.identity.database)' at \(connection.place) (\(end))"
  }

  var wantsFolder: Bool { facts.format == "directory" }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    if mustCreate { try create(context) }
    do {
      return PostgreSQLRunningRestore(
        try client(folder: folder, context: context), analyze: { analyze(context) },
        undo: { if mustCreate { drop(context) } })
    } catch {
      if mustCreate { drop(context) }
      throw error
    }
  }

  /// pg_restore reads the dumps of its own version and of older ones.
  private static func checkVersion(
    _ facts: DumpFacts, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws {
    let command = connection.versionCommand(.restore, context: context)
    let result = try context.launcher.run(command, cancellation: context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.refused(
        facts.identity, problem: ClientFailure.problem("pg_restore", result.status, result.errorLines),
        suggestion: "Correct pg_restore_command")
    }
    guard let made = facts.clientVersion.flatMap(PostgreSQLVersion.major(ofProgram:)),
      let own = PostgreSQLVersion.major(ofProgram: result.text), own < made
    else { return }
    throw RestoreError.refused(
      facts.identity, problem: "it was dumped by pg_dump \(made), and pg_restore here is version \(own)",
      suggestion: "Install postgresql-client-\(made), or set pg_restore_command")
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
    let provider = facts.details["provider"]
    if let locale = facts.details["locale"], provider == "i" || provider == "b" {
      let option = provider == "i" ? "icu" : "builtin"
      sql += " LOCALE_PROVIDER \(option) \(option)_locale \(PostgreSQLConnection.quotedLiteral(locale))"
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

  private func client(folder: String?, context: HookContext) throws -> PostgreSQLRunningRestore.Client {
    let database = facts.identity.database
    if facts.format == "plain" {
      let client = try ScriptClient(
        database: database, options: entry.restoreOptions, connection: connection, of: facts.identity,
        context: context)
      return .script(client, destination == .filled ? nil : PlainScript())
    }
    var arguments = [
      "--exit-on-error", "--single-transaction", "--dbname", PostgreSQLConnection.connectionString(database),
    ]
    // Where there is nothing to clean, statements that make room can only fail.
    if destination == .filled { arguments += ["--clean", "--if-exists"] }
    if entry.noOwner { arguments.append("--no-owner") }
    arguments += ["--format", facts.format] + entry.restoreOptions
    if let folder { arguments.append(folder) }
    let command = connection.command(.restore, arguments, context: context)
    return .archive(try ClientInput(command, of: facts.identity, context: context))
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
  enum Client {
    /// pg_restore, which notices when its input is cut short.
    case archive(ClientInput)
    /// psql, for plain dumps; with what leaves out the statements that make room.
    case script(ScriptClient, PlainScript?)
  }

  private var client: Client
  private let analyze: () -> [String]
  private let undo: () -> Void

  init(_ client: Client, analyze: @escaping () -> [String], undo: @escaping () -> Void) {
    self.client = client
    self.analyze = analyze
    self.undo = undo
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    switch client {
    case .archive(let input): try input.write(bytes)
    case .script(let psql, nil): try psql.write(bytes)
    case .script(let psql, var script?):
      try script.feed(bytes) { try psql.write($0) }
      client = .script(psql, script)
    }
  }

  func finish() throws -> [String] {
    do {
      switch client {
      case .archive(let input): try input.finish()
      case .script(let psql, var script):
        try script?.finish { try psql.write($0) }
        try psql.finish()
      }
    } catch {
      abandon()
      throw error
    }
    return analyze()
  }

  func abandon() {
    switch client {
    case .archive(let input): input.abandon()
    case .script(let psql, _): psql.abandon()
    }
    undo()
  }
}
