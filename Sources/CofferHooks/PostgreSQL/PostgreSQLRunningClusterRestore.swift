import CofferSystem

/// A restore of a whole server on its way.
final class PostgreSQLRunningClusterRestore: RunningRestore {
  /// A database of the dump.
  private struct Database {
    let final: ServerText
    /// What it is called until all are whole.
    let temporary: String
    /// What the old one is called from then on, until it is dropped.
    let old: String
    var isMade = false
  }

  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let user: ServerText
  private let isSuperuser: Bool
  private let context: HookContext
  private let mark = String(UInt64.random(in: 0 ... .max), radix: 16)
  private lazy var script = ClusterScript { [unowned self] _ in databases.last?.temporary ?? "" }
  private var statements: [ServerText] = []
  private var globals: ServerGlobals?
  private var databases: [Database] = []
  private var client: ScriptClient?
  private var isTakingTemplate = false
  private var templateHasObjects = false

  private var connection: PostgreSQLConnection { entry.connection }
  private var identity: DumpIdentity { facts.identity }

  private static let postgres = ServerText("postgres")
  private static let template = ServerText("template1")

  init(facts: DumpFacts, entry: PostgreSQLEntry, user: ServerText, isSuperuser: Bool, context: HookContext) {
    self.facts = facts
    self.entry = entry
    self.user = user
    self.isSuperuser = isSuperuser
    self.context = context
  }

  /// PostgreSQL cuts names at 63 bytes, and a database's own name may be as long as that.
  static func temporaryName(_ number: Int, _ mark: String) -> String {
    "coffer_\(mark)_\(number)"
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
    let dropped: [String]
    do {
      try makeGlobals()
      try endDatabase()
      guard identity.isGlobals || !databases.isEmpty else {
        throw RestoreError.refused(identity, problem: "the dump holds no database", suggestion: nil)
      }
      dropped = try swap()
    } catch {
      abandon()
      throw error
    }
    return dropped + complete()
  }

  func abandon() {
    client?.abandon()
    client = nil
    for database in databases where database.isMade {
      try? connection.execute(
        "DROP DATABASE IF EXISTS \(identifier: database.temporary) WITH (FORCE)", database: "template1", of: identity,
        isCleanup: true, context: context)
    }
    databases = []
    globals?.undo()
    globals = nil
  }

  // MARK: - Database by database

  private func begin(_ name: ServerText) throws {
    try makeGlobals()
    try endDatabase()
    isTakingTemplate = name == Self.template
    guard !isTakingTemplate else { return }
    let number = databases.count
    databases.append(
      Database(
        final: name, temporary: Self.temporaryName(number, mark), old: Self.temporaryName(number, mark + "_old")))
  }

  private func makeGlobals() throws {
    guard globals == nil else { return }
    globals = try ServerGlobals(
      GlobalStatements(statements, restoringAs: user, isSuperuser: isSuperuser), facts: facts, connection: connection,
      options: entry.restoreOptions, context: context)
  }

  private func create(_ statement: ServerText) throws {
    guard !databases.isEmpty, !isTakingTemplate else { return }
    if statement.begins(with: "CREATE DATABASE ") { databases[databases.count - 1].isMade = true }
    try connection.execute(foreign: statement, database: "template1", of: identity, context: context)
  }

  private func send(_ lines: UnsafeRawBufferPointer) throws {
    // Every server has its own template1, which new databases are made from; it is not replaced.
    if isTakingTemplate {
      let isHeader = lines.starts(with: "-- Name: ".utf8) && !lines.starts(with: "-- Name: DATABASE ".utf8)
      templateHasObjects = templateHasObjects || isHeader
      return
    }
    guard let database = databases.last else { return }
    try makeWithoutStatement()
    if client == nil {
      client = try ScriptClient(
        database: database.temporary, options: entry.restoreOptions, connection: connection, of: identity,
        context: context)
    }
    try client?.write(lines)
  }

  /// pg_dumpall writes no CREATE for the database that every server has.
  private func makeWithoutStatement() throws {
    guard let database = databases.last, !isTakingTemplate, !database.isMade else { return }
    databases[databases.count - 1].isMade = true
    try connection.execute(
      DatabaseProperties(details: facts.details).creation(of: database.temporary, tablespaces: []),
      database: "template1", of: identity, context: context)
  }

  private func endDatabase() throws {
    try makeWithoutStatement()
    try client?.finish()
    client = nil
  }

  // MARK: - Taking the names

  /// Changes the roles and gives the new databases the names of the old ones, all or none.
  ///
  /// - Returns: Warnings of old databases that could not be dropped.
  private func swap() throws -> [String] {
    var existing: Set<ServerText> = []
    var steps: [PostgreSQLStatement] = []
    if !databases.isEmpty {
      existing = try connection.names("datname", of: "pg_database", identity, context)
      let list = databases.map { "\(literal: $0.final)" as PostgreSQLStatement }.joined(separator: ", ")
      steps.append(
        """
        SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
        WHERE a.datname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[\(list)]);
        """)
    }
    for database in databases {
      if existing.contains(database.final) {
        steps.append("ALTER DATABASE \(identifier: database.final) RENAME TO \(identifier: database.old);")
      }
      steps.append("ALTER DATABASE \(identifier: database.temporary) RENAME TO \(identifier: database.final);")
    }
    try ScriptClient.run(
      (globals?.changes ?? []) + steps.map { ServerText($0.bytes) }, in: "template1", options: entry.restoreOptions,
      connection: connection, of: identity, context: context)
    return databases.filter { existing.contains($0.final) }.flatMap { database in
      connection.executeEach(
        ["DROP DATABASE \(identifier: database.old) WITH (FORCE)"], database: "template1", of: identity,
        context: context
      ).map { problem in
        "\(identity.title): '\(database.final.shown)' is restored; the one that was there is kept as "
          + "'\(database.old)', because it could not be dropped: \(problem)"
      }
    }
  }

  /// - Returns: Warnings.
  private func complete() -> [String] {
    var warnings = globals?.warnings ?? []
    if databases.contains(where: { $0.final == Self.postgres }) {
      warnings += properties().map {
        "\(identity.title): restored, but not all that belongs to 'postgres' as a whole: \($0)"
      }
    }
    if templateHasObjects {
      warnings.append(
        "\(identity.title): What was in template1 is not restored; 'coffer extract' gives the script that holds it")
    }
    for database in databases {
      if let name = database.final.text, connection.analyze(name, options: entry.analyzeOptions, context: context) {
        continue
      }
      warnings.append(
        "\(identity.title): '\(database.final.shown)' is restored, but ANALYZE failed; run it by hand")
    }
    return warnings
  }

  /// - Returns: What failed.
  private func properties() -> [String] {
    do {
      let statements = try DatabaseProperties(details: facts.details).statements(for: "postgres")
      return connection.executeEach(statements, database: "template1", of: identity, context: context)
    } catch {
      return ["the archive's facts cannot be read: \(error)"]
    }
  }
}
