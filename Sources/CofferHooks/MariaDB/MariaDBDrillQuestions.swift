import CofferSystem

/// What is asked of a database that a drill has restored, wherever it is.
struct MariaDBDrillQuestions {
  /// Where it is.
  let database: String
  /// What it was called when it was dumped.
  let dumped: String
  let session: MariaDBSession
  /// Whether its events were made.
  var hasEvents = true

  /// Engines whose tables show the rows of others, of which the dump programs write none (mysqldump.cc, check_if_ignore_table).
  private static let withoutRows = [
    "MRG_MYISAM", "MRG_ISAM", "CONNECT", "OQGRAPH", "SPIDER", "VP", "FEDERATED",
  ]

  func content() throws -> DumpContent {
    let name = Quoting.mariadbLiteral(database)
    var content = DumpContent()
    let tables = try session.query(
      """
      SELECT TABLE_NAME, TABLE_TYPE, IFNULL(UPPER(ENGINE), '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = \(name)
      AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME
      """, 3)
    for row in tables {
      // A dump may have rows of the past, which no plain query counts.
      let isPlain = row[1].isSame(as: "BASE TABLE") && !Self.withoutRows.contains { row[2].isSame(as: $0) }
      let table = MariaDBStreamCensus.shown(database, row[0])
      let count = isPlain ? try session.query("SELECT COUNT(*) FROM \(table)", 1).first?.first : nil
      content.tables.append(
        .init(name: MariaDBStreamCensus.shown(dumped, row[0]), rows: count.flatMap { UInt64($0) }))
    }
    for (kind, relation, column) in [
      ("view", "VIEWS", "TABLE_SCHEMA"), ("trigger", "TRIGGERS", "TRIGGER_SCHEMA"), ("event", "EVENTS", "EVENT_SCHEMA"),
    ] where hasEvents || kind != "event" {
      let rows = try session.query("SELECT COUNT(*) FROM information_schema.\(relation) WHERE \(column) = \(name)", 1)
      content.objects[kind] = rows.first?.first.flatMap { Int($0) }
    }
    return content
  }

  func answer(to statement: String, of identity: DumpIdentity) throws -> String {
    let answer = try session.connection.query(
      "USE \(Quoting.mariadbIdentifier(database)); \(statement)", options: session.options, context: session.context)
    guard answer.status.isSuccess else {
      throw DrillError.unanswered(identity, statement: statement, lines: answer.errorLines)
    }
    return answer.rows.map { $0.joined(separator: "|") }.joined(separator: "\n")
  }
}
