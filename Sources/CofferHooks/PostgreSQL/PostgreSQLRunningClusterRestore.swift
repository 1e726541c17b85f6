import CofferSystem
import Foundation

/// A restore of a whole server on its way.
final class PostgreSQLRunningClusterRestore: RunningRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let user: String
  private let isSuperuser: Bool
  private let context: HookContext
  private let mark = String(UInt32.random(in: 0 ... .max), radix: 16)
  private lazy var script = ClusterScript { [mark] in Self.temporaryName($0, mark) }
  private var statements: [String] = []
  private var globals: ServerGlobals?
  private var databases: [String] = []
  private var made: Set<String> = []
  private var client: ScriptClient?
  private var isTakingTemplate = false
  private var templateHasObjects = false

  private var connection: PostgreSQLConnection { entry.connection }
  private var identity: DumpIdentity { facts.identity }

  init(facts: DumpFacts, entry: PostgreSQLEntry, user: String, isSuperuser: Bool, context: HookContext) {
    self.facts = facts
    self.entry = entry
    self.user = user
    self.isSuperuser = isSuperuser
    self.context = context
  }

  /// PostgreSQL cuts names at 63 bytes; a sum over the whole name (FNV-1a) keeps long ones apart that begin alike.
  static func temporaryName(_ database: String, _ mark: String) -> String {
    let sum = database.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    let head = String(decoding: database.utf8.prefix(24), as: UTF8.self)
    return "coffer_\(mark)_\(String(sum, radix: 16))_\(head)"
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes) { part in
      switch part {
      case .global(let statement): statements.append(statement)
      case .database(let name): try begin(name)
      case .creation(let statement): try create(statement)
      case .content(let lines): try send(lines)
      }
    }
  }

  func finish() throws -> [String] {
    do {
      try makeGlobals()
      try endDatabase()
      guard identity.isGlobals || !databases.isEmpty else {
        throw RestoreError.refused(identity, problem: "the dump holds no database", suggestion: nil)
      }
      try swap()
    } catch {
      abandon()
      throw error
    }
    return complete()
  }

  func abandon() {
    client?.abandon()
    client = nil
    for database in databases {
      let name = PostgreSQLText.identifier(Self.temporaryName(database, mark))
      let removal = "DROP DATABASE IF EXISTS \(name) WITH (FORCE)"
      _ = try? connection.query(removal, database: "template1", isCleanup: true, context: context)
    }
    databases = []
    globals?.undo()
    globals = nil
  }

  // MARK: - Database by database

  private func begin(_ database: String) throws {
    try makeGlobals()
    try endDatabase()
    isTakingTemplate = database == "template1"
    if !isTakingTemplate { databases.append(database) }
  }

  private func makeGlobals() throws {
    guard globals == nil else { return }
    globals = try ServerGlobals(
      GlobalStatements(statements, restoringAs: user, isSuperuser: isSuperuser), facts: facts, connection: connection,
      options: entry.restoreOptions, context: context)
  }

  private func create(_ statement: String) throws {
    guard let database = databases.last, !isTakingTemplate else { return }
    if statement.hasPrefix("CREATE DATABASE ") { made.insert(database) }
    _ = try query(statement)
  }

  private func send(_ lines: UnsafeRawBufferPointer) throws {
    // Every server has its own template1, which new databases are made from; it is not replaced.
    if isTakingTemplate {
      let isHeader = lines.starts(with: "-- Name: ".utf8) && !lines.starts(with: "-- Name: DATABASE ".utf8)
      templateHasObjects = templateHasObjects || isHeader
      return
    }
    guard let database = databases.last else { return }
    if !made.contains(database) { try makeWithoutStatement(database) }
    if client == nil {
      client = try ScriptClient(
        database: Self.temporaryName(database, mark), options: entry.restoreOptions, connection: connection,
        of: identity, context: context)
    }
    try client?.write(lines)
  }

  /// pg_dumpall writes no CREATE for the database that every server has.
  private func makeWithoutStatement(_ database: String) throws {
    let properties = DatabaseProperties(details: facts.details)
    _ = try query(properties.creation(of: Self.temporaryName(database, mark), tablespaces: []))
    made.insert(database)
  }

  private func endDatabase() throws {
    if let database = databases.last, !isTakingTemplate, !made.contains(database) {
      try makeWithoutStatement(database)
    }
    try client?.finish()
    client = nil
  }

  // MARK: - Taking the names

  /// Changes the roles and gives the new databases the names of the old ones, all or none.
  private func swap() throws {
    let names = databases.map { database in
      (
        final: database, new: Self.temporaryName(database, mark),
        old: Self.temporaryName(database, mark + "_old")
      )
    }
    let list = names.map { PostgreSQLText.literal($0.final) }.joined(separator: ", ")
    var existing: Set<String> = []
    var steps = globals?.changes ?? []
    if !names.isEmpty {
      existing = try Set(
        query("SELECT datname FROM pg_database WHERE datname IN (\(list))").split(separator: "\n").map(String.init))
      steps.append("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (\(list));")
    }
    for name in names {
      let (final, new) = (PostgreSQLText.identifier(name.final), PostgreSQLText.identifier(name.new))
      if existing.contains(name.final) {
        steps.append("ALTER DATABASE \(final) RENAME TO \(PostgreSQLText.identifier(name.old));")
      }
      steps.append("ALTER DATABASE \(new) RENAME TO \(final);")
    }
    try ScriptClient.run(
      steps, in: "template1", options: entry.restoreOptions, connection: connection, of: identity, context: context)
    for name in names where existing.contains(name.final) {
      _ = try? query("DROP DATABASE \(PostgreSQLText.identifier(name.old)) WITH (FORCE)")
    }
  }

  /// - Returns: Warnings.
  private func complete() -> [String] {
    var warnings = globals?.warnings ?? []
    if databases.contains("postgres") {
      let statements = DatabaseProperties(details: facts.details).statements(for: "postgres")
      warnings += connection.runEach(statements, database: "template1", context: context)
        .map { "\(identity.title): restored, but not all that belongs to 'postgres' as a whole: \($0)" }
    }
    if templateHasObjects {
      warnings.append(
        "\(identity.title): What was in template1 is not restored; 'coffer extract' gives the script that holds it")
    }
    for database in databases
    where !connection.analyze(database, options: entry.analyzeOptions, context: context) {
      warnings.append("\(identity.title): '\(database)' is restored, but ANALYZE failed; run it by hand")
    }
    return warnings
  }

  @discardableResult
  private func query(_ sql: String) throws -> String {
    let result = try connection.query(sql, database: "template1", context: context)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    return result.text
  }
}
