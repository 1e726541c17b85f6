import CofferSystem

/// A replay by a throw-away server of the log that was laid down for it, as a replica replays what it has received.
struct ReplicaRun {
  private let log: ReplayLog
  private let words: ReplicaWords
  private let session: MariaDBSession
  /// What the server said last, where it has ended.
  private let lastLines: () -> [String]?

  /// Seconds between two looks at how far the server is.
  private static let pause = 0.2
  /// Seconds between two looks at what it does, where it stays at one place.
  private static let workPause: Double = 10
  /// Pages that are asked for and bytes that are written: of every engine of its own, and of nothing that a look at them changes.
  private static let work = """
    SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_buffer_pool_read_requests', 'Innodb_buffer_pool_write_requests', \
    'Innodb_data_written', 'Aria_pagecache_read_requests', 'Aria_pagecache_write_requests', 'Key_read_requests', \
    'Key_write_requests')
    """

  /// - Parameters:
  ///   - log: Finished.
  ///   - session: Of a server that was started with `arguments`.
  init(of log: ReplayLog, in session: MariaDBSession, lastLines: @escaping () -> [String]?) {
    self.log = log
    words = ReplicaWords(of: session.connection.dialect)
    self.session = session
    self.lastLines = lastLines
  }

  /// What has a server read a log, and ask nobody for more.
  static func arguments(_ log: ReplayLog, _ dialect: MariaDBDialect) -> [String] {
    log.arguments + [
      "--server-id=1", "--replicate-same-server-id", "--skip-relay-log-recovery", "--relay-log-purge=OFF",
      "--innodb-stats-auto-recalc=OFF",
    ] + ReplicaWords(of: dialect).arguments
  }

  /// Has the server begin at a place of the log.
  ///
  /// - Throws: `RestoreError`.
  func begin(at place: ReplayLog.Place) throws {
    try ask("\(words.source), RELAY_LOG_FILE = \(Self.literal(place)), RELAY_LOG_POS = \(place.offset)")
  }

  /// Has the server leave out what is about other databases.
  ///
  /// - Throws: `RestoreError`.
  func narrow(to databases: [String]) throws {
    try ask(
      words.filter(
        databases.map { name in
          name.swapping("\\", for: "\\\\").swapping("_", for: "\\_").swapping("%", for: "\\%") + ".%"
        }))
  }

  /// Replays up to a place, and stops there.
  ///
  /// - Parameters:
  ///   - isEnd: Whether nothing is behind it.
  ///   - tell: Is told how far the server has come: a position.
  /// - Throws: `ReplayError`; `RestoreError`; `RunCancelled`.
  func replay(to stop: ReplayLog.Place, isEnd: Bool, _ tell: (String) -> Void) throws {
    // Behind the last event the server waits for more, and does not look whether it has come far enough.
    let until = isEnd ? "" : " UNTIL RELAY_LOG_FILE = \(Self.literal(stop)), RELAY_LOG_POS = \(stop.offset)"
    try ask("START \(words.replica) SQL_THREAD\(until)")
    try wait(for: stop, until, tell)
    try ask("STOP \(words.replica)")
  }

  /// Waits as long as the server goes on, however long that takes.
  private func wait(for stop: ReplayLog.Place, _ until: String, _ tell: (String) -> Void) throws {
    let (cancellation, clock) = (session.context.cancellation, session.context.clock)
    var progress = ReplicaProgress(since: clock.steadySeconds())
    var looked = -Double.infinity
    var work: [String] = []
    /// Where the transaction begins that was left out last: it is told of until the server is behind it.
    var left: ReplayLog.Place?
    while true {
      try cancellation.check()
      let standing = try standing()
      if let error = standing.error, left == nil || standing.place != left {
        guard let place = standing.place, log.elsewhere.contains(place) else {
          throw ReplayError.failed(error, at: standing.title)
        }
        left = place
        // It wants something of another database that is not here. A server that stands still leaves one transaction out.
        try ask(
          "STOP \(words.replica); SET GLOBAL \(words.skipCounter) = 1; START \(words.replica) SQL_THREAD\(until)")
        continue
      }
      if standing.place.map({ $0.file > stop.file || $0.file == stop.file && $0.offset >= stop.offset }) == true {
        return
      }
      guard standing.isRunning || standing.error != nil else {
        throw ReplayError.failed("the server has stopped", at: standing.title)
      }
      let now = clock.steadySeconds()
      if now - looked >= Self.workPause {
        work = try session.query(Self.work, 2).map { $0[1] }
        looked = now
      }
      let place = standing.place.map { "\($0.file) \($0.offset)" } ?? ""
      let isIdle = standing.error != nil || standing.state.holds("has read all relay log")
      if progress.standsStill(at: place, [standing.state] + work, isIdle: isIdle, now: now) {
        throw ReplayError.standsStill(standing.error ?? standing.state, at: standing.title)
      }
      tell(standing.title)
      try cancellation.sleep(Self.pause)
    }
  }

  private struct Standing {
    let place: ReplayLog.Place?
    let isRunning: Bool
    let error: String?
    /// What the server says that it is doing.
    let state: String
    let title: String
  }

  private func standing() throws -> Standing {
    let answer = try session.connection.query(
      "SHOW \(words.replica) STATUS", options: [], namesColumns: true, context: session.context)
    let rows = answer.rows
    guard answer.status.isSuccess, rows.count == 2, rows[0].count == rows[1].count else {
      let lines = lastLines() ?? answer.errorLines
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
      place: place, isRunning: value(words.runningColumn).isSame(as: "Yes"),
      error: hasFailed ? value("Last_SQL_Error") : nil, state: value(words.stateColumn),
      title: value(words.positionColumn))
  }

  private static func literal(_ place: ReplayLog.Place) -> String {
    Quoting.mariadbLiteral(ReplayLog.fileName(place.file))
  }

  private func ask(_ sql: String) throws { _ = try session.query(sql, 0) }
}

/// What the two systems call differently of a replica.
private struct ReplicaWords {
  let replica: String
  /// Says that there is a server that it gets its log from, which is asked for nothing.
  let source: String
  let skipCounter: String
  let runningColumn: String
  let stateColumn: String
  let positionColumn: String
  let arguments: [String]
  private let isMySQL: Bool

  /// MySQL's words are those of version 8.0.26 and newer; 8.4 knows no others.
  init(of dialect: MariaDBDialect) {
    isMySQL = dialect.isMySQL
    if isMySQL {
      replica = "REPLICA"
      source = "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'none.invalid', SOURCE_AUTO_POSITION = 0"
      skipCounter = "sql_replica_skip_counter"
      (runningColumn, stateColumn) = ("Replica_SQL_Running", "Replica_SQL_Running_State")
      positionColumn = "Exec_Source_Log_Pos"
      // Several appliers would not tell where one of them has failed. Transactions may have a GTID or none.
      arguments = [
        "--skip-replica-start", "--replica-exec-mode=STRICT", "--replica-sql-verify-checksum",
        "--replica-max-allowed-packet=1G", "--replica-parallel-workers=0", "--gtid-mode=OFF_PERMISSIVE",
      ]
    } else {
      replica = "SLAVE"
      source = "CHANGE MASTER TO MASTER_HOST = 'none.invalid', MASTER_USE_GTID = no"
      skipCounter = "sql_slave_skip_counter"
      (runningColumn, stateColumn) = ("Slave_SQL_Running", "Slave_SQL_Running_State")
      positionColumn = "Exec_Master_Log_Pos"
      // A table that the log makes with its files in some other folder would have them there. MySQL's server knows no other folders. (The
      // mode NO_DIR_IN_CREATE does the same, and would be written down with each routine that the log makes.)
      arguments = [
        "--skip-symbolic-links", "--skip-slave-start", "--slave-exec-mode=STRICT", "--slave-sql-verify-checksum",
        "--slave-max-allowed-packet=1G",
      ]
    }
  }

  /// - Parameter patterns: Of the tables that are replayed.
  func filter(_ patterns: [String]) -> String {
    guard isMySQL else {
      return "SET GLOBAL replicate_wild_do_table = \(Quoting.mariadbLiteral(patterns.joined(separator: ",")))"
    }
    let list = patterns.map(Quoting.mariadbLiteral).joined(separator: ", ")
    return "CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE = (\(list))"
  }
}
