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

  /// As `pg_dump --snapshot` takes it.
  private(set) var snapshot = ""
  private let session: PostgreSQLConversation

  /// Databases with more tables are rare, and each table takes a moment.
  private static let limit = 20_000
  /// Seconds for what takes a moment.
  private static let patience: Double = 20
  /// Less than the server waits before it looks for deadlocks, and may end somebody else's transaction.
  static let lockTimeout: PostgreSQLStatement = "SET LOCAL lock_timeout = 500"

  /// Begins a transaction.
  ///
  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(_ database: String, _ connection: PostgreSQLConnection, _ context: HookContext) throws {
    session = try PostgreSQLConversation(database, connection, context)
    do {
      _ = try ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0)
      snapshot =
        try ask(
          "SELECT \(PostgreSQLAnswer.text("pg_catalog.pg_export_snapshot()"))", 1
        ).first?[0]?.text ?? ""
    } catch {
      session.close()
      throw error
    }
  }

  deinit {
    close()
  }

  func close() {
    session.close()
  }

  private func ask(_ question: PostgreSQLStatement, _ columns: Int, seconds: Double = patience) throws
    -> [PostgreSQLAnswer.Row]
  {
    try session.ask(question, columns: columns, seconds: seconds)
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

  /// Looks at what there is, and counts rows, the smallest tables first, until the time is up. Nothing can be asked after it.
  ///
  /// - Parameter seconds: For counting rows; nil for as long as it takes.
  /// - Throws: `PostgreSQLConversation.Ended`; `TooMany`; `SystemError`; `RunCancelled`.
  func count(seconds: Double?, clock: Clock) throws -> DumpContent {
    defer { close() }
    let deadline = seconds.map { clock.steadySeconds() + $0 }
    _ = try ask(Self.lockTimeout, 0)
    let relations = try ask(PostgreSQLCensusQuestions.tables(limit: Self.limit), 6).compactMap { Relation($0) }
    guard relations.count < Self.limit else { throw TooMany() }
    var found = try objects()
    found.tables = relations.map { .init(name: $0.shown.shown, rows: nil) }
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

/// What is counted beside a dump.
final class PostgreSQLDumpCensus: ContentSource {
  private let census: PostgreSQLCensus?
  /// Why there is none.
  private let remark: String?
  /// Asks what the database needs, in a session of its own.
  private let needs: () throws -> CommandResult
  private let percent: Int
  private let clock: Clock
  private let start: Double
  /// Values of sequences before the dump. No snapshot has them: pg_dump may have read any that came since.
  private var before: [ExactName: Int64] = [:]

  /// A dump that takes no time may be followed by as many seconds.
  private static let least = 0.5

  /// Dump options that leave nothing out.
  private static let harmless = [
    "--jobs", "--verbose", "--lock-wait-timeout", "--no-owner", "--no-privileges", "--no-acl", "--inserts",
    "--column-inserts", "--rows-per-insert", "--no-comments", "--no-sync", "--compress", "--large-objects", "--blobs",
    "--disable-triggers", "--no-tablespaces", "--quote-all-identifiers", "-j", "-v", "-O", "-x", "-Z", "-b",
  ]

  /// - Parameter isCounted: Whether anything may be counted, if the entry wants it.
  /// - Throws: `RunCancelled`.
  init(
    of database: String, _ entry: PostgreSQLEntry, _ connection: PostgreSQLConnection, isCounted: Bool,
    context: HookContext
  ) throws {
    percent = entry.countPercentage
    needs = { try connection.query(PostgreSQLCensusQuestions.needs, database: database, context: context) }
    clock = context.clock
    start = context.clock.steadySeconds()
    if let reason = Self.reasonAgainst(entry, isCounted: isCounted) {
      census = nil
      remark = "nothing was counted: \(reason)"
      return
    }
    var census: PostgreSQLCensus?
    var remark: String?
    do {
      let made = try PostgreSQLCensus(database, connection, context)
      before = try Self.sequences(seeing: made.snapshot, database, connection, context)
      census = made
    } catch let error as RunCancelled {
      throw error
    } catch {
      remark = Self.remark((error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)")
    }
    self.census = census
    self.remark = remark
  }

  /// Looks by another session: behind some poolers every session may be at another server.
  private static func sequences(
    seeing snapshot: String, _ database: String, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws -> [ExactName: Int64] {
    let session = try PostgreSQLConversation(database, connection, context)
    defer { session.close() }
    let name: PostgreSQLStatement = "\(literal: snapshot)"
    _ = try session.ask(
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT \(name)", columns: 0, seconds: 20)
    _ = try session.ask(PostgreSQLCensus.lockTimeout, columns: 0, seconds: 20)
    do {
      let found = try PostgreSQLCensus.sequences(in: session)
      return Dictionary(found.map { (ExactName($0.name), $0.value) }) { first, _ in first }
    } catch is PostgreSQLConversation.Ended {
      // One is locked.
      return [:]
    }
  }

  private static func reasonAgainst(_ entry: PostgreSQLEntry, isCounted: Bool) -> String? {
    if entry.countPercentage == 0 { return "count_percentage is 0" }
    if !isCounted { return "the dump failed while something was to be counted beside it" }
    return leavesOut(entry.dumpOptions) ? "the entry's options may leave something out of the dump" : nil
  }

  private static func remark(_ problem: String) -> String {
    "nothing was counted in the dump's snapshot: \(problem)"
  }

  static func leavesOut(_ options: [String]) -> Bool {
    var isValue = false
    for option in options {
      defer {
        isValue = ["-j", "-Z", "--jobs", "--compress", "--lock-wait-timeout", "--rows-per-insert"].contains(option)
      }
      if isValue, !option.begins(with: "-") { continue }
      // One letter may have a number behind it; several letters may be several options.
      let number = (option.after(beginning: "-j") ?? option.after(beginning: "-Z")).flatMap { Int($0) }
      if number == nil, !harmless.contains(option.parts(by: "=")[0]) { return true }
    }
    return false
  }

  /// What pg_dump needs to see the same.
  var arguments: [String] { census.map { ["--snapshot=" + $0.snapshot] } ?? [] }

  var isCounting: Bool { census != nil }

  func content() -> DumpContent? {
    guard let census else { return remark.map(uncounted) }
    let spent = clock.steadySeconds() - start
    do {
      var content = try census.count(seconds: max(spent * Double(percent) / 100, Self.least), clock: clock)
      content.sequences.removeAll { before[ExactName($0.name)] != $0.value }
      return content
    } catch {
      return uncounted(Self.remark((error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)"))
    }
  }

  /// What has to be there before it is restored is known all the same, as far as the server tells.
  private func uncounted(_ remark: String) -> DumpContent {
    var content = DumpContent(remark: remark)
    if let result = try? needs(), let answer = PostgreSQLAnswer(result, columns: 2) {
      content.needs = PostgreSQLCensusQuestions.needs(answer.rows)
    }
    return content
  }

  func close() {
    census?.close()
  }
}
