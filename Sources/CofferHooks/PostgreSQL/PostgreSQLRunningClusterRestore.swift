import CofferSystem

/// A restore of a whole server on its way.
final class PostgreSQLRunningClusterRestore: RunningRestore {
  /// A database of the dump.
  private struct Database {
    let final: ServerText
    /// The number of the one that had the name when its turn came; nil when there was none.
    let oldNumber: UInt32?
    /// What it is called until all are whole.
    var temporary: String
    /// What the old one is called from then on, until it is dropped.
    let old: String
    var isMade = false
    /// Whether the old one has made room already, for a database that cannot have another name even for a while.
    var isInPlace = false
    /// Whether there was an old one that has made room.
    var hasMoved = false
  }

  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let target: PostgreSQLTarget
  private let placing: ServerGlobals.Placing?
  private let context: HookContext
  private let mark = String(UInt64.random(in: 0 ... .max), radix: 16)
  private lazy var script = makeScript()
  private var statements: [ServerText] = []
  private var globals: ServerGlobals?
  private var databases: [Database] = []
  private var client: ScriptClient?
  private var isTakingTemplate = false
  private var templateHasObjects = false
  /// Why the content of a database did not come in; the rest of this reading is for nothing then.
  private var contentFailure: RestoreError?
  /// Why databases are filled with search paths of their own, in a second reading; nil in the first.
  private var cause: String?
  private var searchPath = ScriptSearchPath()

  private var connection: PostgreSQLConnection { entry.connection }
  private var identity: DumpIdentity { facts.identity }

  private static let postgres = ServerText("postgres")

  /// - Parameter placing: Where tablespaces are made; nil for where the dump has them.
  init(
    facts: DumpFacts, entry: PostgreSQLEntry, target: PostgreSQLTarget, placing: ServerGlobals.Placing?,
    context: HookContext
  ) {
    self.facts = facts
    self.entry = entry
    self.target = target
    self.placing = placing
    self.context = context
  }

  /// PostgreSQL cuts names at 63 bytes, and a database's own name may be as long as that.
  static func temporaryName(_ number: Int, _ mark: String) -> String {
    "coffer_\(mark)_\(number)"
  }

  private func makeScript() -> ClusterScript {
    ClusterScript { [unowned self] _ in databases.last?.temporary ?? "" }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard contentFailure == nil else { return }
    try keepingContentFailure {
      try script.feed(bytes) { part in
        switch part {
        case .global(let statement): statements.append(statement)
        case .database(let name): try begin(name)
        case .creation(let statement): try create(statement)
        case .content(let lines): try send(lines)
        }
      }
    }
  }

  /// A failure of a database's content.
  private struct ContentFailed: Error {
    let error: RestoreError
  }

  /// Where something was not found by a name without a schema, all is made anew, with the search paths of the databases in use.
  private func keepingContentFailure(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let failed as ContentFailed {
      guard cause == nil, case .programFailed(_, _, _, let lines) = failed.error, !LostEntry.isAccidental(lines),
        lines.contains(where: { $0.holds("does not exist") && !LostEntry.isHopeless($0) })
      else { throw failed.error }
      contentFailure = failed.error
    }
  }

  private func asContent(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as RestoreError {
      throw ContentFailed(error: error)
    }
  }

  func endPass() throws -> Bool {
    if contentFailure == nil, !databases.isEmpty { try keepingContentFailure(endDatabase) }
    guard case .programFailed(_, _, _, let lines)? = contentFailure else { return false }
    abandon()
    (cause, contentFailure) = (PostgreSQLFailure.telling(lines), nil)
    (statements, isTakingTemplate, templateHasObjects) = ([], false, false)
    script = makeScript()
    return true
  }

  func finish() throws -> [String] {
    var warnings: [String]
    do {
      try makeGlobals()
      try keepingContentFailure(endDatabase)
      if let contentFailure { throw contentFailure }
      guard identity.isGlobals || !databases.isEmpty else {
        throw RestoreError.refused(identity, problem: "the dump holds no database", suggestion: nil)
      }
      warnings = try swap()
    } catch {
      let databases = databases
      abandon()
      throw explained(error, databases)
    }
    do {
      try complete(&warnings)
      return warnings
    } catch {
      // What has its place keeps it, whoever gives up now.
      (databases, globals) = ([], nil)
      let cause = RestoreError.cause(of: error)
      let problem = "all that the dump holds is in place, but not the settings behind it: \(cause)"
      throw RestoreError.endedInPart(
        identity, problem: ([problem] + warnings).joined(separator: "; "), suggestion: nil)
    }
  }

  func abandon() {
    client?.abandon()
    client = nil
    for database in databases {
      if database.isMade {
        freeTemplate(database.temporary)
        try? connection.execute(
          "DROP DATABASE IF EXISTS \(identifier: database.temporary) WITH (FORCE)", database: "template1", of: identity,
          isCleanup: true, context: context)
      }
      if database.hasMoved {
        try? connection.execute(
          "ALTER DATABASE \(identifier: database.old) RENAME TO \(identifier: database.final)", database: "template1",
          of: identity, isCleanup: true, context: context)
      }
    }
    databases = []
    globals?.undo()
    globals = nil
  }

  /// A database that is a template cannot be dropped.
  private func freeTemplate(_ name: String) {
    try? connection.execute(
      "ALTER DATABASE \(identifier: name) IS_TEMPLATE false", database: "template1", of: identity, isCleanup: true,
      context: context)
  }

  // MARK: - Database by database

  private func begin(_ name: ServerText) throws {
    try makeGlobals()
    try endDatabase()
    searchPath = ScriptSearchPath()
    isTakingTemplate = !ClusterScript.isRestored(name)
    guard !isTakingTemplate else { return }
    let number = databases.count
    databases.append(
      Database(
        final: name, oldNumber: try oids()[name], temporary: Self.temporaryName(number, mark),
        old: Self.temporaryName(number, mark + "_old")))
    if name == target.cronDatabase, let text = name.text { try makeRoom(for: text) }
  }

  /// Moves the old database away, so that the new one has its own name from the beginning.
  private func makeRoom(for name: String) throws {
    let number = databases.count - 1
    if databases[number].oldNumber != nil {
      let move: PostgreSQLStatement =
        "ALTER DATABASE \(identifier: name) RENAME TO \(identifier: databases[number].old);"
      // Before it happens: a client that was cut off does not tell, and what has not moved is not moved back.
      databases[number].hasMoved = true
      try ScriptClient.run(
        [Self.terminating([databases[number].final]), move].map { ServerText($0.bytes) }, in: "template1",
        options: entry.restoreOptions, connection: connection, of: identity, context: context)
    }
    databases[number].temporary = name
    databases[number].isInPlace = true
  }

  /// The numbers of the server's databases.
  private func oids(isCleanup: Bool = false) throws -> [ServerText: UInt32] {
    let result = try connection.query(
      "SELECT \(PostgreSQLAnswer.text("d.datname")), d.oid FROM pg_catalog.pg_database d", database: "template1",
      isCleanup: isCleanup, context: context)
    guard let rows = PostgreSQLAnswer(result, columns: 2)?.rows else {
      throw RestoreError.programFailed(identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    let pairs = rows.compactMap { row in
      row[0].flatMap { name in row[1]?.text.flatMap { UInt32($0) }.map { (name, $0) } }
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// Ends the connections to databases.
  private static func terminating(_ databases: [ServerText]) -> PostgreSQLStatement {
    let list = databases.map { "\(literal: $0)" as PostgreSQLStatement }.joined(separator: ", ")
    return """
      SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
      WHERE a.datname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[\(list)]);
      """
  }

  private func makeGlobals() throws {
    guard globals == nil else { return }
    globals = try ServerGlobals(
      GlobalStatements(statements, restoringAs: target.user, isSuperuser: target.isSuperuser), facts: facts,
      connection: connection, options: entry.restoreOptions, placing: placing, context: context)
  }

  private func create(_ statement: ServerText) throws {
    guard !databases.isEmpty, !isTakingTemplate else { return }
    guard statement.begins(with: "CREATE DATABASE ") else {
      return try connection.execute(foreign: statement, database: "template1", of: identity, context: context)
    }
    try make { try connection.execute(foreign: statement, database: "template1", of: identity, context: context) }
  }

  private func send(_ lines: UnsafeRawBufferPointer) throws {
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
    let other = cause == nil ? nil : searchPath.replacement(for: lines)
    try asContent {
      if let other { return try other.bytes.withUnsafeBytes { try client?.write($0) } }
      try client?.write(lines)
    }
  }

  /// pg_dumpall writes no CREATE for the database that every server has.
  private func makeWithoutStatement() throws {
    guard let database = databases.last, !isTakingTemplate, !database.isMade else { return }
    let statement = DatabaseProperties(details: facts.details).creation(of: database.temporary, tablespaces: [])
    try make { try connection.execute(statement, database: "template1", of: identity, context: context) }
  }

  /// Makes the last database. Under a temporary name it is ours in any case, under its own only when that went well:
  /// what is not ours is never dropped.
  private func make(_ creation: () throws -> Void) throws {
    let number = databases.count - 1
    if !databases[number].isInPlace { databases[number].isMade = true }
    try creation()
    databases[number].isMade = true
  }

  private func endDatabase() throws {
    try makeWithoutStatement()
    try asContent { try client?.finish() }
    client = nil
  }

  // MARK: - Taking the names

  /// Changes the roles and gives the new databases the names of the old ones, all or none.
  ///
  /// - Returns: Warnings of old databases that could not be dropped.
  private func swap() throws -> [String] {
    var steps: [PostgreSQLStatement] = []
    let waiting = databases.filter { !$0.isInPlace }
    if !waiting.isEmpty { steps.append(Self.terminating(waiting.map(\.final))) }
    for database in waiting {
      if let number = database.oldNumber {
        steps.append("ALTER DATABASE \(identifier: database.final) RENAME TO \(identifier: database.old);")
        steps.append("\(DatabaseExchange.proof(that: database.old, is: number));")
      }
      steps.append("ALTER DATABASE \(identifier: database.temporary) RENAME TO \(identifier: database.final);")
    }
    do {
      try exchange(steps)
    } catch {
      guard hasExchanged(waiting) else { throw error }
    }
    if let numbers = try? oids(isCleanup: true) {
      for database in databases {
        if let number = numbers[database.final] { context.restored.add(database.final, number: number) }
      }
    }
    return dropOld()
  }

  private func exchange(_ steps: [PostgreSQLStatement]) throws {
    try ScriptClient.run(
      (globals?.changes ?? []) + steps.map { ServerText($0.bytes) }, in: "template1", options: entry.restoreOptions,
      connection: connection, of: identity, context: context)
  }

  /// - Parameter databases: Those of the restore that has been given up.
  private func explained(_ error: any Error, _ databases: [Database]) -> any Error {
    guard case RestoreError.programFailed(let identity, _, _, let lines) = error else { return error }
    let isAnother = DatabaseExchange.isAnother(lines)
    let standing = standing(of: databases)
    // What else fails says itself that all is as it was.
    guard isAnother || standing != nil else { return error }
    return RestoreError.notRestored(
      identity, standing: standing ?? "every database is as it was",
      problem: isAnother
        ? "one of them is not the database any more that was there when its restore began"
        : PostgreSQLFailure.telling(lines),
      suggestion: isAnother ? "See who makes databases there, and restore again" : identity.advice.suggestion(lines))
  }

  /// What stands under the databases' names, by looking.
  ///
  /// - Returns: nil when it is what stood there before.
  private func standing(of databases: [Database]) -> String? {
    guard let found = try? oids(isCleanup: true) else {
      return "and the server does not answer any more, so what stands there is not known"
    }
    let names = Dictionary(found.map { ($1, $0) }) { first, _ in first }
    let changed = databases.compactMap { database -> String? in
      guard found[database.final] != database.oldNumber else { return nil }
      let final = database.final.shown
      guard let number = database.oldNumber else { return "there is a new database '\(final)'" }
      guard let name = names[number] else { return "the database '\(final)' that was there is gone" }
      return "the database '\(final)' that was there is now called '\(name.shown)'"
    }
    return changed.isEmpty ? nil : "but not every database is as it was: " + changed.joined(separator: "; ")
  }

  /// Whether it has happened all the same: the connection may have broken when it had.
  private func hasExchanged(_ waiting: [Database]) -> Bool {
    guard !waiting.isEmpty,
      let names = try? connection.names("datname", of: "pg_database", isCleanup: true, identity, context)
    else { return false }
    return waiting.allSatisfy { !names.contains(ServerText($0.temporary)) && names.contains($0.final) }
  }

  /// - Returns: Warnings of old databases that could not be dropped.
  private func dropOld() -> [String] {
    databases.filter { $0.hasMoved || !$0.isInPlace && $0.oldNumber != nil }.flatMap { database in
      freeTemplate(database.old)
      return connection.executeEach(
        ["DROP DATABASE \(identifier: database.old) WITH (FORCE)"], database: "template1", of: identity,
        context: context
      ).map { problem in
        "\(identity.title): '\(database.final.shown)' is restored; the one that was there is kept as "
          + "'\(database.old)', because it could not be dropped: \(problem)"
      }
    }
  }

  /// What can only be done with everything in its place.
  ///
  /// - Throws: What kept the server from judging a setting, as a connection that is lost.
  private func complete(_ warnings: inout [String]) throws {
    warnings += globals?.warnings ?? []
    if let cause {
      warnings.append(
        "\(identity.title): restored with the databases' own search paths, because with an empty one: \(cause)")
    }
    if databases.contains(where: { $0.final == Self.postgres }) {
      warnings += try refusals { try $0.statements(for: "postgres") }.map {
        "\(identity.title): restored, but not all that belongs to 'postgres' as a whole: \($0)"
      }
    }
    if templateHasObjects {
      warnings.append(
        "\(identity.title): What was in template1 is not restored; 'coffer extract' gives the script that holds it")
    }
    for database in databases where entry.analyzes {
      if let name = database.final.text, connection.analyze(name, options: entry.analyzeOptions, context: context) {
        continue
      }
      warnings.append(
        "\(identity.title): '\(database.final.shown)' is restored, but ANALYZE failed; run it by hand")
    }
    // As the last thing: they count for the sessions of the restore, too.
    warnings += try refusals { try $0.serverSettings() }.map {
      "\(identity.title): restored, but not all settings of 'ALTER ROLE ALL': \($0)"
    }
  }

  /// Runs what the archive's facts say of the server.
  ///
  /// - Returns: What was refused.
  private func refusals(_ make: (DatabaseProperties) throws -> [PostgreSQLStatement]) throws -> [String] {
    let statements: [PostgreSQLStatement]
    do {
      statements = try make(DatabaseProperties(details: facts.details))
    } catch {
      return ["the archive's facts cannot be read: \(error)"]
    }
    return try connection.refusals(of: statements, database: "template1", identity: identity, context: context)
  }
}
