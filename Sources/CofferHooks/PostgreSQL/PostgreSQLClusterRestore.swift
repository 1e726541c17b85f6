import CofferSystem
import Foundation

/// The restore of a whole server from pg_dumpall's script.
///
/// Every database is restored under a temporary name first. Only when all of them are whole do they take the names
/// of the old ones, all in one transaction; until then the server's databases are as they were. Roles are made or
/// adjusted at the beginning, in one transaction; the role that restores is left as it is.
struct PostgreSQLClusterRestore: PlannedRestore {
  private let facts: DumpFacts
  private let connection: PostgreSQLConnection
  private let entry: PostgreSQLEntry
  private let user: String

  init(facts: DumpFacts, connection: PostgreSQLConnection, entry: PostgreSQLEntry, context: HookContext) throws {
    self.facts = facts
    self.connection = connection
    self.entry = entry
    let sql = "SELECT rolsuper, current_user FROM pg_roles WHERE rolname = current_user"
    let result = try connection.query(sql, database: "template1", context: context)
    guard result.status.isSuccess else {
      throw RestoreError.refused(
        facts.identity, problem: result.errorLines.last ?? "psql failed",
        suggestion: ClientFailure.suggestion(result.errorLines))
    }
    guard result.text.hasPrefix("t\u{1f}") else {
      throw RestoreError.refused(
        facts.identity, problem: "the user is no superuser, which the restore of a whole server needs",
        suggestion: "Restore with --username of a superuser")
    }
    user = String(result.text.dropFirst(2).prefix { $0 != "\n" })
  }

  var summary: String {
    "\(facts.identity.title) -> every database of it at \(connection.place), "
      + "put in place of the ones of the same names once all are restored"
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    PostgreSQLRunningClusterRestore(
      identity: facts.identity, connection: connection, user: user, analyzeOptions: entry.analyzeOptions,
      context: context)
  }
}

/// A restore of a whole server on its way.
final class PostgreSQLRunningClusterRestore: RunningRestore {
  private let identity: DumpIdentity
  private let connection: PostgreSQLConnection
  private let user: String
  private let analyzeOptions: [String]
  private let context: HookContext
  private let mark = String(UInt32.random(in: 0 ... .max), radix: 16)
  private lazy var script = ClusterScript { [mark] in Self.temporaryName($0, mark) }
  private var globals: [String] = []
  private var databases: [String] = []
  private var made: Set<String> = []
  private var client: ScriptClient?
  private var isTakingTemplate = false

  init(
    identity: DumpIdentity, connection: PostgreSQLConnection, user: String, analyzeOptions: [String],
    context: HookContext
  ) {
    self.identity = identity
    self.connection = connection
    self.user = user
    self.analyzeOptions = analyzeOptions
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
      case .global(let line): globals.append(line)
      case .database(let name): try begin(name)
      case .creation(let statement): try create(statement)
      case .content(let lines): try send(lines)
      }
    }
  }

  func finish() throws -> [String] {
    do {
      try endDatabase()
      guard !databases.isEmpty else {
        throw RestoreError.refused(identity, problem: "the dump holds no database", suggestion: nil)
      }
      try swap()
    } catch {
      abandon()
      throw error
    }
    return databases.flatMap { analyze($0) }
  }

  func abandon() {
    client?.abandon()
    client = nil
    for database in databases {
      let name = PostgreSQLConnection.quotedIdentifier(Self.temporaryName(database, mark))
      try? run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }
    databases = []
  }

  // MARK: - Database by database

  private func begin(_ database: String) throws {
    if databases.isEmpty && !isTakingTemplate { try applyGlobals() }
    try endDatabase()
    // Every server has its own template1, which new databases are made from; it is not replaced.
    isTakingTemplate = database == "template1"
    if !isTakingTemplate { databases.append(database) }
  }

  private func create(_ statement: String) throws {
    guard let database = databases.last, !isTakingTemplate else { return }
    if statement.hasPrefix("CREATE DATABASE ") { made.insert(database) }
    try run(statement)
  }

  private func send(_ lines: UnsafeRawBufferPointer) throws {
    guard let database = databases.last, !isTakingTemplate else { return }
    if !made.contains(database) { try makeWithoutStatement(database) }
    if client == nil { client = try open(database) }
    try client?.write(lines)
  }

  /// pg_dumpall writes no CREATE for the database that every server has.
  private func makeWithoutStatement(_ database: String) throws {
    let name = PostgreSQLConnection.quotedIdentifier(Self.temporaryName(database, mark))
    try run("CREATE DATABASE \(name) TEMPLATE template0")
    made.insert(database)
  }

  private func open(_ database: String) throws -> ScriptClient {
    try ScriptClient(
      database: Self.temporaryName(database, mark), connection: connection, of: identity, context: context)
  }

  private func endDatabase() throws {
    if let database = databases.last, !isTakingTemplate, !made.contains(database) {
      try makeWithoutStatement(database)
    }
    try client?.finish()
    client = nil
  }

  private func applyGlobals() throws {
    let client = try ScriptClient(
      database: "template1", connection: connection, of: identity, context: context)
    let text = globals.compactMap { ClusterGlobals.repeatable($0, except: user) }.joined(separator: "\n") + "\n"
    try Array(text.utf8).withUnsafeBytes { try client.write($0) }
    try client.finish()
  }

  // MARK: - Taking the names

  /// Gives the new databases the names of the old ones, all or none.
  private func swap() throws {
    let names = databases.map { database in
      (
        final: database, new: Self.temporaryName(database, mark),
        old: Self.temporaryName(database, mark + "_old")
      )
    }
    let list = names.map { PostgreSQLConnection.quotedLiteral($0.final) }.joined(separator: ", ")
    let existing = try Set(
      query("SELECT datname FROM pg_database WHERE datname IN (\(list))").split(separator: "\n").map(String.init))
    var sql = "BEGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (\(list)); "
    for name in names {
      let (final, new) = (
        PostgreSQLConnection.quotedIdentifier(name.final), PostgreSQLConnection.quotedIdentifier(name.new)
      )
      if existing.contains(name.final) {
        sql += "ALTER DATABASE \(final) RENAME TO \(PostgreSQLConnection.quotedIdentifier(name.old)); "
      }
      sql += "ALTER DATABASE \(new) RENAME TO \(final); "
    }
    try run(sql + "COMMIT")
    for name in names where existing.contains(name.final) {
      try? run("DROP DATABASE \(PostgreSQLConnection.quotedIdentifier(name.old)) WITH (FORCE)")
    }
  }

  private func analyze(_ database: String) -> [String] {
    let arguments =
      ["--no-psqlrc", "--quiet", "--dbname", PostgreSQLConnection.connectionString(database)]
      + analyzeOptions + ["--command", "ANALYZE"]
    let command = connection.command(.psql, arguments, context: context)
    let result = try? context.launcher.run(command, seconds: 24 * 3600, cancellation: context.cancellation)
    return result?.status.isSuccess == true
      ? [] : ["\(identity.title): '\(database)' is restored, but ANALYZE failed; run it by hand"]
  }

  private func run(_ sql: String) throws {
    _ = try query(sql)
  }

  private func query(_ sql: String) throws -> String {
    let result = try connection.query(sql, database: "template1", context: context)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    return result.text
  }
}

/// Makes pg_dumpall's global statements repeatable.
enum ClusterGlobals {
  /// Returns a statement that does not fail when it was run before; nil for what must not be run.
  ///
  /// - Parameter user: The role that restores. Its password must not change under its own feet.
  static func repeatable(_ line: String, except user: String) -> String? {
    let spellings = [user, PostgreSQLConnection.quotedIdentifier(user)]
    if spellings.contains(where: { line == "CREATE ROLE \($0);" || line.hasPrefix("ALTER ROLE \($0) WITH ") }) {
      return nil
    }
    if line.hasPrefix("CREATE ROLE ") {
      return "DO $coffer$ BEGIN \(line) EXCEPTION WHEN duplicate_object THEN NULL; END $coffer$;"
    }
    // A tablespace is a folder of that machine; PostgreSQL makes none inside a transaction.
    if line.hasPrefix("CREATE TABLESPACE ") || line.hasPrefix("ALTER TABLESPACE ") { return nil }
    return line
  }
}
