import CofferConfiguration
import CofferSystem

/// Databases of one server brought forward from their dumps: in a throw-away server, which reads the log as a replica does.
///
/// There the log's statements can do nothing to anything else, whoever has written them: no network, a user who owns nothing else, and none of
/// the real databases. The server itself leaves out what is about other databases. What comes of it is dumped, and restored as any dump is.
public final class MariaDBReplay {
  private let ground: DrillGround
  private let dialect: MariaDBDialect
  private let log: ReplayLog
  let server: MariaDBThrowawayServer
  private let facts: [DumpFacts]

  private static let nameLimit = 64

  /// Starts the server.
  ///
  /// - Parameters:
  ///   - facts: Of the dumps, each with its place in the log.
  ///   - bytes: Of all of them.
  ///   - log: Finished, on the same ground.
  /// - Throws: `ReplayError`; `LaunchError`; `SystemError`; `RunCancelled`.
  public init(of facts: [DumpFacts], bytes: UInt64, _ log: ReplayLog, on ground: DrillGround) throws {
    self.facts = facts
    self.ground = ground
    self.log = log
    let dialect = facts.first.map(Self.dialect) ?? .mariadb
    self.dialect = dialect
    guard let newest = facts.max(by: { ServerRelease($0.serverVersion ?? "") < ServerRelease($1.serverVersion ?? "") })
    else { throw ReplayError.nothing }
    server = try ReplayError.telling {
      try MariaDBThrowawayServer(
        for: newest, bytes: bytes, times: 3, on: ground, dialect, arguments: ReplicaRun.arguments(log, dialect))
    }
  }

  /// Looks whether a server can be had here for dumps, before anything is done.
  ///
  /// - Throws: `ReplayError`; `LaunchError`; `RunCancelled`.
  public static func check(_ facts: [DumpFacts], on ground: DrillGround) throws {
    for facts in facts {
      let installed = try ReplayError.telling { try MariaDBInstalledServer(for: facts, ground) }
      guard dialect(of: facts).isMySQL, !installed.knowsReplicas else { continue }
      throw ReplayError.noServer(
        facts.identity, problem: "\(installed.title) cannot be told to do so",
        suggestion: "Install MySQL 8.0.26 or newer"
      )
    }
  }

  /// Which system's a dump is.
  public static func dialect(of facts: DumpFacts) -> MariaDBDialect {
    facts.identity.hook.isSame(as: MariaDBDialect.mysql.databases.name) ? .mysql : .mariadb
  }

  /// Whether a dump can be brought forward at all.
  ///
  /// - Returns: Why not; nil where it can.
  public static func obstacle(_ facts: DumpFacts) -> (problem: String, suggestion: String)? {
    let identity = facts.identity
    guard [MariaDBDialect.mariadb, .mysql].contains(where: { identity.hook.isSame(as: $0.databases.name) }) else {
      return (
        "only databases of MariaDB and MySQL can be brought to a moment by their server's log",
        "Choose those with --hook or --database; a whole PostgreSQL server with --cluster"
      )
    }
    let name = identity.database
    guard !name.isSame(as: "all"), !name.isSame(as: MariaDBDialect.accountsDatabase) else {
      return (
        "it is of a whole server or of its accounts, and only databases can be brought to a moment",
        "Dump each database by itself ('format: sql'), and choose databases with --database"
      )
    }
    guard facts.details[MariaDBServerFacts.foldingKey] == nil else {
      return (
        "its server takes great and small letters of names for the same (lower_case_table_names), and the one that replays does not",
        "Restore the dump alone, or replay what 'coffer binlog get' writes by hand"
      )
    }
    // The server takes blanks before a name in its filter for nothing.
    guard !name.holds(","), name.utf8.first.map({ $0 == 0x20 || (0x09...0x0d).contains($0) }) != true else {
      return (
        "no server can be told to replay a database whose name has a comma in it, or begins with a blank",
        "Restore the dump alone"
      )
    }
    return nil
  }

  // MARK: - Doing it

  /// The context in which it is worked.
  public var context: HookContext { ground.context }

  /// How a dump is restored to the throw-away server.
  public func restore(of facts: DumpFacts) throws -> any PlannedRestore {
    var target = server.target
    // Those whom views and triggers act for are made there.
    target.isDrill = true
    return try MariaDBHook(dialect).restore(of: facts.withoutAddress, to: target, root: nil, context: ground.context)
  }

  /// Replays the log, when all dumps have been restored.
  ///
  /// - Parameter tell: Is told how far the server has come: a file of the log and a position.
  /// - Returns: Warnings: what the log cannot tell of these databases.
  /// - Throws: `ReplayError`; `RestoreError`; `RunCancelled`.
  public func run(_ tell: (String) -> Void) throws -> [String] {
    let before = try doubts()
    try replay(tell)
    let after = try doubts()
    return try before + after.filter { !before.contains($0) } + unseen + shifted()
  }

  private func replay(_ tell: (String) -> Void) throws {
    guard let end = log.end, let first = log.starts.first else { return }
    // Dumps were not all made at one moment: the log of each counts from its own place on.
    let ordered = ReplayLog.sorted(facts.compactMap(\.log))
    var stages: [(start: ReplayLog.Place, databases: [String])] = []
    for (place, start) in zip(ordered, log.starts) {
      let names = facts.filter { $0.log == place }.map(\.identity.database)
      let before = stages.last?.databases ?? []
      let all = before + names.filter { name in !before.contains { $0.isSame(as: name) } }
      if stages.last?.start == start { stages.removeLast() }
      stages.append((start, all))
    }
    try makeDatabases()
    // Of what the log makes, too: without them, a view cannot look at another one, nor a trigger act.
    _ = try MariaDBDefiners(log.definers, on: facts.map(\.identity.database), session: server.session)
    let replica = ReplicaRun(of: log, in: server.session) { [server] in server.lastLines }
    try replica.begin(at: first)
    for (number, stage) in stages.enumerated() {
      let isLast = number + 1 == stages.count
      let stop = isLast ? end : stages[number + 1].start
      guard stop != stage.start else { continue }
      try replica.narrow(to: stage.databases)
      try replica.replay(to: stop, isEnd: isLast, tell)
    }
    try checkDatabases()
  }

  /// What is about routines of other databases, or is run in one, fails where that is missing.
  private func makeDatabases() throws {
    let names = log.databases.map(\.text).filter { name in
      !name.isEmpty && name.unicodeScalars.count <= Self.nameLimit && !MariaDBScript.isSystem(name)
        && !name.unicodeScalars.contains("\0") && !name.ends(with: " ")
    }
    for start in stride(from: 0, to: names.count, by: 100) {
      let group = names[start..<min(start + 100, names.count)]
      _ = try server.session.query(
        group.map { "CREATE DATABASE IF NOT EXISTS \(Quoting.mariadbIdentifier($0))" }.joined(separator: "; "), 0)
    }
  }

  /// What may be otherwise than it was although all of the log was replayed.
  private func doubts() throws -> [String] {
    let chosen = facts.map { Quoting.mariadbLiteral($0.identity.database) }.joined(separator: ", ")
    let loose = try server.session.query(
      """
      SELECT CONCAT(t.TABLE_SCHEMA, '.', t.TABLE_NAME) FROM information_schema.TABLES t \
      JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
      WHERE t.TABLE_SCHEMA IN (\(chosen)) AND NOT e.TRANSACTIONS <=> 'YES' ORDER BY 1
      """, 1)
    let led = try server.session.query(
      """
      SELECT CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME) FROM information_schema.REFERENTIAL_CONSTRAINTS \
      WHERE CONSTRAINT_SCHEMA IN (\(chosen)) AND UNIQUE_CONSTRAINT_SCHEMA NOT IN (\(chosen)) \
      AND (DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL')) ORDER BY 1
      """, 1)
    var doubts: [String] = []
    if !loose.isEmpty {
      doubts.append(
        "What was written to \(Self.named(loose)) while the dump was made may be there twice: these tables keep no transactions (their engine is not InnoDB)"
      )
    }
    if !led.isEmpty {
      doubts.append(
        "Foreign keys of \(Self.named(led)) lead to other databases, and the log does not tell which rows went with rows there: choose those databases, too (--database)"
      )
    }
    return doubts
  }

  /// Changes that the server has left out by the names of their tables alone.
  private var unseen: [String] {
    let names = log.databasesOfStatements.sorted().map { [$0.text] }
    guard !names.isEmpty else { return [] }
    return [
      "The log has changes in \(Self.named(names)) as statements (binlog_format is not ROW): what triggers, views and functions there have written into the databases that are restored is missing. Choose those databases, too (--database), if there are such"
    ]
  }

  private func shifted() throws -> [String] {
    guard log.goesBySystemTime else { return [] }
    let here = try SystemTimeZone.offsets { try server.session.query($0, 1) }
    // All are of one server.
    return [SystemTimeZone.warning(facts.first?.details[SystemTimeZone.key], here: here)].compactMap(\.self)
  }

  private static let namedTables = 20

  private static func named(_ rows: [[String]]) -> String {
    let names = rows.compactMap(\.first)
    let more = names.count > namedTables ? " and \(names.count - namedTables) more" : ""
    return names.prefix(namedTables).map { Quoting.terminal($0) }.joined(separator: ", ") + more
  }

  /// A database that was dropped before the target is not there to be restored.
  private func checkDatabases() throws {
    let present = Set(try server.session.query("SHOW DATABASES", 1).compactMap(\.first).map { ExactName($0) })
    for facts in facts where !present.contains(ExactName(facts.identity.database)) {
      throw ReplayError.dropped(facts.identity)
    }
  }

  /// Begins a dump of a database as it is now.
  ///
  /// - Throws: `DumpError`; `LaunchError`.
  public func dump(of facts: DumpFacts) throws -> any RunningDump {
    try server.dump(of: facts.withoutAddress.identity, dialect).start(context: ground.context)
  }

  public func remove() {
    server.remove()
  }
}

/// Why a log could not be replayed. The databases of the real server are as they were then.
public enum ReplayError: DiagnosableError, Equatable {
  case nothing
  case noServer(DumpIdentity, problem: String, suggestion: String?)
  /// The server has refused something of the log.
  case failed(String, at: String)
  /// The server has not gone on for as long as `ReplicaProgress` waits, and says this of it.
  case standsStill(String, at: String)
  case dropped(DumpIdentity)

  public var diagnosis: Diagnosis {
    switch self {
    case .nothing: Diagnosis(subject: "restore", problem: "There is nothing to replay", suggestion: nil)
    case .noServer(let identity, let problem, let suggestion):
      Diagnosis(
        subject: identity.title,
        problem: "Nothing was changed: the log is replayed in a server of its own first, and \(problem)",
        suggestion: suggestion)
    case .failed(let error, let position):
      Diagnosis(
        subject: "binary log\(position.isEmpty ? "" : ", \(Quoting.terminal(position))")",
        problem: "Nothing was changed: a statement of the log could not be replayed: \(Quoting.terminal(error))",
        suggestion:
          "Choose a moment before it; where databases are restored and it is about another one, choose that, too (--database)"
      )
    case .standsStill(let state, let position):
      Diagnosis(
        subject: "binary log\(position.isEmpty ? "" : ", \(Quoting.terminal(position))")",
        problem:
          "Nothing was changed: the server that replays it does not go on, and says '\(Quoting.terminal(state))'",
        suggestion: "Try it again; where it stands still at the same place, choose a moment before it"
      )
    case .dropped(let identity):
      Diagnosis(
        subject: identity.title, problem: "Nothing was changed: at this moment there is no such database",
        suggestion: "Choose a moment before it was dropped")
    }
  }

  /// Says what concerns a throw-away server as this does.
  static func telling<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as DrillError {
      guard let (identity, problem) = error.cause else { throw error }
      throw ReplayError.noServer(identity, problem: problem, suggestion: error.diagnosis.suggestion)
    }
  }
}
