import CofferSystem
import Glibc

/// A session that looks at one snapshot of a database, which it can share with pg_dump: what it counts is what is dumped.
///
/// As long as pg_dump runs it holds that snapshot and no lock on anything: whatever waited for a lock of its own would make
/// pg_dump wait, which it waits for, and no server sees such a deadlock. So tables may be altered before they are counted,
/// and each is asked again what it is, under a lock, before it is read. Where anything goes wrong, the session ends, and what
/// was not counted by then is not known.
final class PostgreSQLCensus {
  /// A table with rows of its own.
  private struct Relation {
    let schema: ServerText
    let name: ServerText
    let shown: ServerText
    /// Of the table and of the file of its rows, which is another when it is rewritten or emptied.
    let number: UInt32
    let file: UInt32
    let hasRows: Bool

    init?(_ row: PostgreSQLAnswer.Row) {
      guard let schema = row[0], let name = row[1], let shown = row[2],
        let number = row[3]?.text.flatMap({ UInt32($0) }), let file = row[4]?.text.flatMap({ UInt32($0) })
      else { return nil }
      self.schema = schema
      self.name = name
      self.shown = shown
      self.number = number
      self.file = file
      hasRows = row[5]?.text == "t"
    }
  }

  /// There are more tables than are looked at.
  struct TooMany: DiagnosableError {
    var diagnosis: Diagnosis {
      Diagnosis(subject: "tables", problem: "there are more tables than are counted", suggestion: nil)
    }
  }

  private let session: PostgreSQLConversation
  /// The tables that there are, and of those that were counted, how many rows they have.
  private(set) var seen: [RelationName: UInt64?] = [:]

  /// Databases with more tables are rare, and each table takes a moment.
  private static let limit = 20_000
  /// Seconds for what takes a moment.
  private static let patience: Double = 20
  /// Less than the server waits before it looks for deadlocks, and may end somebody else's transaction.
  static let lockTimeout: PostgreSQLStatement = "SET LOCAL lock_timeout = 500"

  /// A session that says nothing for hours: whoever is in between must not forget it, and the server must notice when nobody
  /// is there any more, because nothing is cleaned up behind its snapshot. Sessions at sockets pass over it.
  private static let keepalive: PostgreSQLStatement = """
    SET LOCAL tcp_keepalives_idle = 60; SET LOCAL tcp_keepalives_interval = 30; SET LOCAL tcp_keepalives_count = 4
    """

  /// Begins a transaction, which has its snapshot when something is asked for the first time.
  ///
  /// - Parameter session: In the database. When everything was counted, the transaction is over.
  /// - Throws: `PostgreSQLConversation.Ended`; `CommandTimedOut`; `SystemError`; `RunCancelled`.
  init(in session: PostgreSQLConversation) throws {
    self.session = session
    _ = try ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \(Self.keepalive)", 0)
  }

  /// Takes the snapshot.
  ///
  /// - Returns: Its name, as `pg_dump --snapshot` takes it.
  /// - Throws: `PostgreSQLConversation.Ended`; `SystemError`; `RunCancelled`.
  func share() throws -> String {
    let question: PostgreSQLStatement = "SELECT \(PostgreSQLAnswer.text("pg_catalog.pg_export_snapshot()"))"
    guard let name = try ask(question, 1).first?[0]?.text, !name.isEmpty else {
      throw PostgreSQLConversation.Ended(lines: [])
    }
    return name
  }

  private func ask(_ question: PostgreSQLStatement, _ columns: Int, seconds: Double = patience) throws
    -> [PostgreSQLAnswer.Row]
  {
    try session.ask(question, columns: columns, seconds: seconds)
  }

  /// The tables that have another file by now than in the snapshot.
  ///
  /// - Throws: `PostgreSQLConversation.Ended`; `SystemError`; `RunCancelled`.
  func rewritten() throws -> [RelationName] {
    try ask(PostgreSQLCensusQuestions.rewritten(limit: Self.limit), 2).compactMap { row in
      guard let schema = row[0], let name = row[1] else { return nil }
      return RelationName(schema: schema, name: name)
    }
  }

  /// Name and value of sequences that have given one. They are of no snapshot.
  ///
  /// - Throws: `PostgreSQLConversation.Ended`; `SystemError`; `RunCancelled`.
  static func sequences(in session: PostgreSQLConversation) throws -> [DumpContent.Sequence] {
    let question = PostgreSQLCensusQuestions.sequences(limit: limit)
    return try session.ask(question, columns: 2, seconds: patience).compactMap { row in
      guard let name = row[0], let value = row[1]?.text.flatMap({ Int64($0) }) else { return nil }
      return .init(name: name.shown, value: value)
    }
  }

  /// Looks at what there is, and counts rows, the smallest tables first, until the time is up. The session is then closed, or
  /// outside of any transaction.
  ///
  /// - Parameter seconds: For counting rows; nil for as long as it takes.
  /// - Throws: `PostgreSQLConversation.Ended`; `CommandTimedOut`; `TooMany`; `SystemError`; `RunCancelled`.
  func count(seconds: Double?, clock: Clock) throws -> DumpContent {
    // One that does not end it has ended with it.
    defer { _ = try? ask("ROLLBACK", 0) }
    let deadline = seconds.map { clock.steadySeconds() + $0 }
    _ = try ask(Self.lockTimeout, 0)
    let relations = try ask(PostgreSQLCensusQuestions.tables(limit: Self.limit), 6).compactMap { Relation($0) }
    guard relations.count < Self.limit else { throw TooMany() }
    var found = try objects()
    found.tables = relations.map { .init(name: $0.shown.shown, rows: nil) }
    defer {
      for (relation, table) in zip(relations, found.tables) {
        let rows = relation.hasRows ? table.rows : 0
        seen[RelationName(schema: relation.schema, name: relation.name)] = .some(rows)
      }
    }
    var problem: String?
    do {
      _ = try ask(PostgreSQLCensusQuestions.restriction, 1)
      for (number, relation) in relations.enumerated() where relation.hasRows {
        let left = deadline.map { $0 - clock.steadySeconds() }
        if let left, left <= 0 {
          problem = seconds.map { String(printf: "more than the %.1f seconds for it would have been spent", $0) }
          break
        }
        found.tables[number].rows = try rows(of: relation, seconds: left)
      }
      _ = try ask("SET LOCAL statement_timeout = 5000", 0)
      found.sequences = try Self.sequences(in: session)
    } catch let error as RunCancelled {
      throw error
    } catch {
      problem = (error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)"
    }
    let missing = found.tables.count { $0.rows == nil }
    if missing > 0 {
      found.remark =
        "\(missing) of \(found.tables.count) tables were not counted: "
        + (problem ?? "they were altered meanwhile, or have no rows on a standby")
    } else if let problem {
      // Or nobody could tell them from sequences that have lost their values.
      found.remark = "the sequences were not looked at: \(problem)"
    }
    return found
  }

  private func objects() throws -> DumpContent {
    var found = DumpContent()
    for row in try ask(PostgreSQLCensusQuestions.objects, 2) {
      guard let kind = row[0]?.text, let count = row[1]?.text.flatMap({ Int($0) }) else { continue }
      found.objects[kind] = count
    }
    found.needs = PostgreSQLCensusQuestions.needs(try ask(PostgreSQLCensusQuestions.needs, 2))
    return found
  }

  /// - Returns: nil for a table that is no longer what it was in the snapshot.
  private func rows(of relation: Relation, seconds: Double?) throws -> UInt64? {
    guard try isAsItWas(relation) else { return nil }
    let lock: PostgreSQLStatement = """
      LOCK TABLE ONLY \(identifier: relation.schema).\(identifier: relation.name) IN ACCESS SHARE MODE
      """
    _ = try ask("SAVEPOINT counted; \(lock)", 0)
    var rows: [PostgreSQLAnswer.Row] = []
    if try isAsItWas(relation) {
      if let seconds { _ = try ask("SET LOCAL statement_timeout = \(max(Int(seconds * 1000), 1))", 0) }
      // Whatever has taken the table's place in spite of all: of views, the server takes no samples.
      rows = try ask(
        """
        SELECT pg_catalog.count(*) FROM ONLY \(identifier: relation.schema).\(identifier: relation.name)
        TABLESAMPLE pg_catalog.system (100)
        """, 1,
        seconds: seconds.map { $0 + 1 } ?? 24 * 3600)
    }
    // Gives the lock back.
    _ = try ask("ROLLBACK TO SAVEPOINT counted; RELEASE SAVEPOINT counted", 0)
    return rows.first?[0]?.text.flatMap { UInt64($0) }
  }

  private func isAsItWas(_ relation: Relation) throws -> Bool {
    try ask(
      PostgreSQLCensusQuestions.isAsItWas(relation.shown, number: relation.number, file: relation.file), 1
    ).first?[0]?.text == "t"
  }
}
