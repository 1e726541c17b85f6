import CofferSystem

/// The restore of one database, in one transaction.
struct PostgreSQLRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let connection: PostgreSQLConnection
  private let destination: PostgreSQLDestination
  private let schemas: [String]
  private let timescale: Timescale?

  private var name: String { destination.name }
  private var mustCreate: Bool { destination.state == .missing }
  private var isPlain: Bool { facts.format == "plain" }

  /// Checks programs, connection and permission to create.
  ///
  /// - Throws: `RestoreError`; `LaunchError`.
  init(
    facts: DumpFacts, target: RestoreTarget, entry: PostgreSQLEntry, installations: PostgreSQLInstallations,
    context: HookContext
  ) throws {
    self.facts = facts
    self.entry = entry
    schemas = target.schemas
    guard schemas.isEmpty || facts.format != "plain" else {
      throw RestoreError.refused(
        facts.identity, problem: "a plain dump cannot be taken apart into schemas",
        suggestion: "Restore it whole under another name with --target-name and copy the schema from there; dumps of "
          + "format custom, directory or tar can be")
    }
    destination = try PostgreSQLDestination(
      target.databaseName ?? facts.identity.database, connection: entry.connection, of: facts.identity,
      context: context)
    connection =
      facts.format == "plain"
      ? entry.connection
      : try Self.client(facts, entry, destination, installations, context)
    timescale = try Timescale(facts, destination, connection, context)
  }

  var summary: String {
    let end =
      switch destination.state {
      case .missing: "created: it is missing there"
      case .empty: "it is empty there"
      case .filled: schemas.isEmpty ? "its contents are replaced" : "these schemas are replaced"
      }
    let part = schemas.isEmpty ? "" : "schemas \(schemas.joined(separator: ", ")) of "
    return "\(part)\(facts.identity.title) -> '\(name)' at \(connection.place) (\(end))"
  }

  var wantsFolder: Bool { facts.format == "directory" }

  /// pg_restore reads the dumps of its own version and of older ones.
  private static func client(
    _ facts: DumpFacts, _ entry: PostgreSQLEntry, _ destination: PostgreSQLDestination,
    _ installations: PostgreSQLInstallations, _ context: HookContext
  ) throws -> PostgreSQLConnection {
    let made = facts.clientVersion.flatMap(PostgreSQLVersion.major(ofProgram:))
    let wanted = max(made ?? 0, destination.serverMajor ?? 0)
    let newest: Int
    do {
      let client = try PostgreSQLClient(
        .restore, of: entry.connection, atLeast: made, wanted: wanted, installations: installations, context: context)
      guard client.version != nil else {
        throw RestoreError.refused(
          facts.identity, problem: "pg_restore does not tell its version: \(client.complaint ?? "it says nothing")",
          suggestion: "Correct pg_restore_command")
      }
      guard let made, let own = client.major, own < made else { return client.connection }
      newest = own
    } catch let error as PostgreSQLClient.TooOld {
      newest = error.newest
    }
    throw RestoreError.refused(
      facts.identity,
      problem: "it was dumped by pg_dump \(made ?? 0), and the newest pg_restore here is version \(newest)",
      suggestion: "Install postgresql-client-\(made ?? 0), or set pg_restore_command")
  }

  // MARK: - Running

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    var undo = UndoSteps()
    do {
      if mustCreate {
        try create(context)
        let removal = "DROP DATABASE IF EXISTS \(PostgreSQLText.identifier(name))"
        undo.add { _ = try? connection.queryServer(removal, isCleanup: true, context: context) }
      }
      if let timescale {
        undo.add { timescale.undo(context) }
        try timescale.prepare(context)
      }
      try createSchemas(&undo, context)
      return PostgreSQLRunningRestore(
        try client(folder: folder, context: context), complete: { complete(context) }, undo: undo)
    } catch {
      undo.run()
      throw error
    }
  }

  private func create(_ context: HookContext) throws {
    let properties = DatabaseProperties(details: facts.details)
    let tablespaces = try connection.names("spcname", of: "pg_tablespace", facts.identity, context)
    try connection.execute(
      properties.creation(of: name, tablespaces: tablespaces), database: "template1", of: facts.identity,
      context: context)
    // Without the role the restoring user stays the owner; the dump's own statements say more if it matters.
    if !entry.noOwner, let statement = properties.owning(of: name) {
      _ = connection.executeEach([statement], database: "template1", of: facts.identity, context: context)
    }
  }

  /// A schema that is chosen comes without its own creation: pg_restore takes what is in it.
  private func createSchemas(_ undo: inout UndoSteps, _ context: HookContext) throws {
    for schema in schemas where !destination.schemas.contains(schema) {
      let quoted = PostgreSQLText.identifier(schema)
      let result = try connection.query("CREATE SCHEMA \(quoted)", database: name, context: context)
      guard result.status.isSuccess else {
        throw RestoreError.programFailed(
          facts.identity, program: "CREATE SCHEMA", status: result.status, lines: result.errorLines)
      }
      undo.add {
        _ = try? connection.query("DROP SCHEMA \(quoted)", database: name, isCleanup: true, context: context)
      }
    }
  }

  private func client(folder: String?, context: HookContext) throws -> any RestoreClient {
    // Where there is nothing to clean, statements that make room can only fail.
    let mustClean = destination.state == .filled
    if isPlain {
      let client = try ScriptClient(
        database: name, options: entry.restoreOptions, connection: connection, of: facts.identity, context: context)
      return mustClean ? client : PlainScriptClient(client)
    }
    var arguments = [
      "--exit-on-error", "--single-transaction", "--dbname", connection.pinnedString(name, context: context),
    ]
    if mustClean { arguments += ["--clean", "--if-exists"] }
    if entry.noOwner { arguments.append("--no-owner") }
    arguments += schemas.flatMap { ["--schema", $0] }
    if !schemas.isEmpty { arguments.append("--strict-names") }
    arguments += ["--format", facts.format] + entry.restoreOptions
    let command = { (file: String?) in
      connection.command(.restore, arguments + (file.map { [$0] } ?? []), context: context)
    }
    // A command of the user's own may run where this machine's files are not.
    if facts.format == "tar", entry.connection.override(of: .restore) == nil {
      return try SpooledArchive(of: facts.identity, command: command, context: context)
    }
    return try ClientInput(command(folder), of: facts.identity, context: context)
  }

  /// - Returns: Warnings.
  private func complete(_ context: HookContext) -> [String] {
    var warnings = timescale?.complete(context) ?? []
    if mustCreate {
      warnings += properties(context)
        .map { "\(facts.identity.title): restored, but not all that belongs to the database as a whole: \($0)" }
    }
    if isPlain, entry.noOwner, facts.details["no_owner"] == nil {
      warnings.append(
        "\(facts.identity.title): restored with the owners in it; no_owner works on plain dumps when they are made")
    }
    if !connection.analyze(name, options: entry.analyzeOptions, context: context) {
      warnings.append("\(facts.identity.title): restored, but ANALYZE failed; run it by hand")
    }
    return warnings
  }

  /// - Returns: What failed.
  private func properties(_ context: HookContext) -> [String] {
    do {
      let statements = try DatabaseProperties(details: facts.details)
        .statements(for: name, withPrivileges: !entry.restoreOptions.contains(where: Self.leavesPrivileges))
      return connection.executeEach(statements, database: name, of: facts.identity, context: context)
    } catch {
      return ["the archive's facts cannot be read: \(error)"]
    }
  }

  private static func leavesPrivileges(_ option: String) -> Bool {
    ["-x", "--no-acl", "--no-privileges"].contains(option)
  }
}
