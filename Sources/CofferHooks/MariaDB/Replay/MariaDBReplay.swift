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
  private let server: MariaDBThrowawayServer
  private let facts: [DumpFacts]

  /// Seconds between two looks at how far the server is.
  private static let pause = 0.2
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
    dialect = .mariadb
    guard let newest = facts.max(by: { ServerRelease($0.serverVersion ?? "") < ServerRelease($1.serverVersion ?? "") })
    else { throw ReplayError.nothing }
    server = try ReplayError.telling {
      try MariaDBThrowawayServer(
        for: newest, bytes: bytes, times: 3, on: ground, .mariadb,
        arguments: log.arguments + Self.arguments)
    }
  }

  /// It reads what there is and asks nobody for more.
  private static let arguments = [
    "--skip-slave-start", "--server-id=1", "--replicate-same-server-id", "--skip-relay-log-recovery",
    "--relay-log-purge=OFF", "--slave-exec-mode=STRICT", "--slave-sql-verify-checksum", "--slave-max-allowed-packet=1G",
    "--innodb-stats-auto-recalc=OFF",
  ]

  /// Looks whether a server can be had here for dumps, before anything is done.
  ///
  /// - Throws: `ReplayError`; `LaunchError`; `RunCancelled`.
  public static func check(_ facts: [DumpFacts], on ground: DrillGround) throws {
    try ReplayError.telling { for facts in facts { _ = try MariaDBInstalledServer(for: facts, ground) } }
  }

  /// Whether a dump can be brought forward at all.
  ///
  /// - Returns: Why not; nil where it can.
  public static func obstacle(_ facts: DumpFacts) -> (problem: String, suggestion: String)? {
    let identity = facts.identity
    guard identity.hook.isSame(as: MariaDBDialect.mariadb.databases.name) else {
      return (
        "only databases of MariaDB can be brought to a moment by their server's log",
        "Choose those with --hook mariadb or --database; a whole PostgreSQL server with --cluster"
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
    try MariaDBHook(dialect).restore(of: facts.withoutAddress, to: server.target, root: nil, context: ground.context)
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
    return before + after.filter { !before.contains($0) }
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
    try ask(
      "CHANGE MASTER TO MASTER_HOST = 'none.invalid', MASTER_USE_GTID = no, RELAY_LOG_FILE = \(literal(first)), RELAY_LOG_POS = \(first.offset)"
    )
    for (number, stage) in stages.enumerated() {
      let isLast = number + 1 == stages.count
      let stop = isLast ? end : stages[number + 1].start
      guard stop != stage.start else { continue }
      try ask("SET GLOBAL replicate_wild_do_table = \(Quoting.mariadbLiteral(Self.filter(stage.databases)))")
      // Behind the last event the server waits for more, and does not look whether it has come far enough.
      let until = isLast ? "" : " UNTIL RELAY_LOG_FILE = \(literal(stop)), RELAY_LOG_POS = \(stop.offset)"
      try ask("START SLAVE SQL_THREAD\(until)")
      try wait(for: stop, until, tell)
      try ask("STOP SLAVE")
    }
    try checkDatabases()
  }

  private func literal(_ place: ReplayLog.Place) -> String {
    Quoting.mariadbLiteral(ReplayLog.fileName(place.file))
  }

  /// The patterns of all tables of some databases.
  static func filter(_ databases: [String]) -> String {
    databases.map { name in
      name.swapping("\\", for: "\\\\").swapping("_", for: "\\_").swapping("%", for: "\\%") + ".%"
    }.joined(separator: ",")
  }

  private func ask(_ sql: String) throws { _ = try server.session.query(sql, 0) }

  /// What is about routines of other databases, or is run in one, fails where that is missing.
  private func makeDatabases() throws {
    let names = log.databases.map(\.text).filter { name in
      !name.isEmpty && name.unicodeScalars.count <= Self.nameLimit && !MariaDBScript.isSystem(name)
        && !name.unicodeScalars.contains("\0") && !name.ends(with: " ")
    }
    for start in stride(from: 0, to: names.count, by: 100) {
      let group = names[start..<min(start + 100, names.count)]
      try ask(
        group.map { "CREATE DATABASE IF NOT EXISTS \(Quoting.mariadbIdentifier($0))" }.joined(separator: "; "))
    }
  }

  private func wait(for stop: ReplayLog.Place, _ until: String, _ tell: (String) -> Void) throws {
    while true {
      try ground.context.cancellation.check()
      let standing = try standing()
      if let error = standing.error {
        guard let place = standing.place, log.elsewhere.contains(place) else {
          throw ReplayError.failed(error, at: standing.title)
        }
        // It wants something of another database that is not here. A server that stands still leaves one transaction out.
        try ask("STOP SLAVE; SET GLOBAL sql_slave_skip_counter = 1; START SLAVE SQL_THREAD\(until)")
        continue
      }
      if standing.place.map({ $0.file > stop.file || $0.file == stop.file && $0.offset >= stop.offset }) == true {
        return
      }
      guard standing.isRunning else { throw ReplayError.failed("the server has stopped", at: standing.title) }
      tell(standing.title)
      try ground.context.cancellation.sleep(Self.pause)
    }
  }

  private struct Standing {
    let place: ReplayLog.Place?
    let isRunning: Bool
    let error: String?
    let title: String
  }

  private func standing() throws -> Standing {
    let answer = try server.session.connection.query(
      "SHOW SLAVE STATUS", options: [], namesColumns: true, context: ground.context)
    let rows = answer.rows
    guard answer.status.isSuccess, rows.count == 2, rows[0].count == rows[1].count else {
      let lines = server.lastLines ?? answer.errorLines
      throw ReplayError.failed(lines.last ?? "the server does not answer", at: "")
    }
    func value(_ name: String) -> String {
      rows[0].firstIndex { $0.isSame(as: name) }.map { rows[1][$0] } ?? ""
    }
    let file = value("Relay_Log_File").parts(by: ".").last.flatMap { Int($0) }
    let place = file.flatMap { file in
      UInt64(value("Relay_Log_Pos")).map { ReplayLog.Place(file: file, offset: $0) }
    }
    let hasFailed = !["", "0"].contains(value("Last_SQL_Errno"))
    return Standing(
      place: place, isRunning: value("Slave_SQL_Running").isSame(as: "Yes"),
      error: hasFailed ? value("Last_SQL_Error") : nil, title: value("Exec_Master_Log_Pos"))
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
        suggestion: "If it is about another database, choose that one, too (--database), or choose a moment before it")
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
