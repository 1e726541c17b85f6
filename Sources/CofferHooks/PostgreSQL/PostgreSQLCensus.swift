import CofferSystem
import Foundation

/// A session that looks at one snapshot of a database, which it can share with pg_dump: what it counts is what is dumped.
///
/// It has locked the tables as pg_dump does, because a TRUNCATE changes what older snapshots see. Where anything goes
/// wrong, the session ends, and what was not counted by then is not known.
final class PostgreSQLCensus {
  /// A table with rows of its own.
  private struct Relation {
    let schema: ServerText
    let name: ServerText
    let shown: String
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
  private var found = DumpContent()
  private var relations: [Relation] = []

  /// Databases with more tables are rare, and each table takes a moment.
  private static let limit = 20_000
  /// Seconds for what takes a moment.
  private static let patience: Double = 20

  /// Begins a transaction, and looks at what there is.
  ///
  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(_ database: String, _ connection: PostgreSQLConnection, _ context: HookContext) throws {
    session = try PostgreSQLConversation(database, connection, context)
    do {
      _ = try ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0)
      // Less than the server waits before it looks for deadlocks, and may end somebody else's transaction.
      _ = try ask("SET LOCAL lock_timeout = 500", 0)
      snapshot =
        try ask(
          "SELECT \(PostgreSQLAnswer.text("pg_catalog.pg_export_snapshot()"))", 1
        ).first?[0]?.text ?? ""
      try look()
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

  private func look() throws {
    relations = try ask(PostgreSQLCensusQuestions.tables(limit: Self.limit), 3).compactMap { row in
      guard let schema = row[0], let name = row[1], let shown = row[2] else { return nil }
      return Relation(schema: schema, name: name, shown: shown.shown)
    }
    guard relations.count < Self.limit else { throw TooMany() }
    found.tables = relations.map { .init(name: $0.shown, rows: nil) }
    for row in try ask(PostgreSQLCensusQuestions.objects, 2) {
      guard let kind = row[0]?.text, let count = row[1]?.text.flatMap({ Int($0) }) else { continue }
      found.objects[kind] = count
    }
    found.sequences = try sequences()
    for row in try ask(PostgreSQLCensusQuestions.needs, 2) {
      guard let kind = row[0]?.text, let name = row[1] else { continue }
      switch kind {
      case "role": found.needs.roles.append(name)
      case "tablespace": found.needs.tablespaces.append(name)
      default: found.needs.extensions.append(name)
      }
    }
    guard !relations.isEmpty else { return }
    let names = relations.map { "ONLY \(identifier: $0.schema).\(identifier: $0.name)" as PostgreSQLStatement }
    _ = try ask("LOCK TABLE \(names.joined(separator: ", ")) IN ACCESS SHARE MODE", 0)
  }

  private func sequences() throws -> [DumpContent.Sequence] {
    try ask(PostgreSQLCensusQuestions.sequences(limit: Self.limit), 2).compactMap { row in
      guard let name = row[0], let value = row[1]?.text.flatMap({ Int64($0) }) else { return nil }
      return .init(name: name.shown, value: value)
    }
  }

  /// Counts rows, the smallest tables first, until the time is up.
  ///
  /// - Parameter seconds: nil for as long as it takes.
  func count(seconds: Double?, clock: Clock) -> DumpContent {
    let deadline = seconds.map { clock.steadySeconds() + $0 }
    do {
      let before = Dictionary(found.sequences.map { (ExactName($0.name), $0.value) }) { first, _ in first }
      // No snapshot has them: pg_dump may have read any value in between.
      found.sequences = try sequences().filter { before[ExactName($0.name)] == $0.value }
      for (number, relation) in relations.enumerated() {
        let left = deadline.map { $0 - clock.steadySeconds() }
        if let left, left <= 0 { break }
        if let left { _ = try ask("SET LOCAL statement_timeout = \(max(Int(left * 1000), 1))", 0) }
        let rows = try ask(
          "SELECT pg_catalog.count(*) FROM (TABLE ONLY \(identifier: relation.schema).\(identifier: relation.name)) AS r",
          1,
          seconds: left.map { $0 + 1 } ?? 24 * 3600)
        found.tables[number].rows = rows.first?[0]?.text.flatMap { UInt64($0) }
      }
    } catch {
      // What has ended the session shows in what is not counted.
    }
    close()
    let missing = found.tables.count { $0.rows == nil }
    if missing > 0 {
      found.remark =
        "\(missing) of \(found.tables.count) tables were not counted: "
        + (seconds.map { String(format: "more than the %.1f seconds for it would have been spent", $0) }
          ?? "the server did not answer")
    }
    return found
  }
}

/// What is counted beside a dump.
final class PostgreSQLDumpCensus: ContentSource {
  private let census: PostgreSQLCensus?
  /// Why there is none.
  private let remark: String?
  private let percent: Int
  private let clock: Clock
  private let start: Double

  /// A dump that takes no time may be followed by as many seconds.
  private static let least = 0.5

  /// Dump options that leave nothing out.
  private static let harmless = [
    "--jobs", "--verbose", "--lock-wait-timeout", "--no-owner", "--no-privileges", "--no-acl", "--inserts",
    "--column-inserts", "--rows-per-insert", "--no-comments", "--no-sync", "--compress", "--large-objects", "--blobs",
    "--disable-triggers", "--no-tablespaces", "--quote-all-identifiers", "-j", "-v", "-O", "-x", "-Z", "-b",
  ]

  /// - Parameter percent: How much of the dump's time may be spent on counting.
  /// - Throws: `RunCancelled`.
  init(of database: String, _ entry: PostgreSQLEntry, _ connection: PostgreSQLConnection, context: HookContext) throws {
    percent = entry.countPercentage
    clock = context.clock
    start = context.clock.steadySeconds()
    guard !Self.leavesOut(entry.dumpOptions) else {
      census = nil
      remark = "nothing was counted: the entry's options may leave something out of the dump"
      return
    }
    var census: PostgreSQLCensus?
    var remark: String?
    do {
      let made = try PostgreSQLCensus(database, connection, context)
      // Behind some poolers every session may be at another server.
      let name: PostgreSQLStatement = "\(literal: made.snapshot)"
      let other = try connection.query(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT \(name); COMMIT", database: database,
        context: context)
      if other.status.isSuccess { census = made }
      remark = other.status.isSuccess ? nil : Self.remark(PostgreSQLFailure.telling(other.errorLines))
    } catch let error as RunCancelled {
      throw error
    } catch {
      remark = Self.remark((error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)")
    }
    self.census = census
    self.remark = remark
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

  func content() -> DumpContent? {
    guard let census else { return remark.map { DumpContent(remark: $0) } }
    let spent = clock.steadySeconds() - start
    return census.count(seconds: max(spent * Double(percent) / 100, Self.least), clock: clock)
  }

  func close() {
    census?.close()
  }
}
