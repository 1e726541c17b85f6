import CofferSystem

/// What tells whether the one transaction of a restore was committed although its client failed: the connection may have broken, or the
/// program have been stopped, between the commit and the word about it.
///
/// Whatever a restore makes has a number (an oid) that nothing had before.
struct CommitTrace {
  private let job: RestoreJob
  private let database: String
  /// nil where it tells nothing: rows alone bring no numbers along.
  private let before: String?

  /// How often it is looked whether the restore's session has ended, the seconds between, and those after which it is not looked any more.
  private static let looks = (count: 100, pause: 0.1, patience: 30.0)

  /// - Parameter built: The database that is filled, where it is not the one that is restored.
  init(_ job: RestoreJob, in built: String? = nil) {
    self.job = job
    database = built ?? job.destination.name
    before = job.makesRoom ? Self.numbers(job, database) : nil
  }

  /// Looks whether there is anything new: a program that is run elsewhere may end without an error and have done nothing.
  ///
  /// - Throws: `RestoreError` when there is not, and the dump has tables that should be; `RunCancelled`.
  func checkMade() throws {
    let isInPlace = database.isSame(as: job.destination.name)
    // Psql's own word says more, and what an extension has stays as it is in place.
    guard !job.isPlain, job.schemas.isEmpty, job.facts.content?.tables.isEmpty == false,
      !isInPlace || job.destination.keptExtensions.isEmpty,
      let before, let now = Self.numbers(job, database), now.isSame(as: before)
    else { return }
    try job.context.cancellation.check()
    throw RestoreError.notRestored(
      job.identity, standing: "the database is as it was",
      problem: "pg_restore ended without an error, and has made nothing",
      suggestion: "See what pg_restore_command runs, which server it reaches, and what restore_options leave out")
  }

  /// Looks what has become of a transaction whose client and session were asked to end.
  ///
  /// - Returns: The error, with what it means for the database where that is another thing than that it is as it was.
  func judged(_ error: any Error) -> any Error {
    // What the server refuses is rolled back.
    if case RestoreError.programFailed(_, _, _, let lines) = error, lines.contains(where: { $0.holds("ERROR:") }) {
      return error
    }
    let now = hasEnded() ? Self.numbers(job, database) : nil
    guard let before, let now else { return known(error, "and whether it was committed before that is not known") }
    guard !now.isSame(as: before) else { return error }
    // Numbers tell that something is new, and not whose it is.
    return known(
      error,
      "but the new content is there all the same, unless somebody else has made something in the database meanwhile")
  }

  private func known(_ error: any Error, _ standing: String) -> any Error {
    let look = "Look at the database, and restore again if it is not as it should be"
    return switch error {
    case RestoreError.programFailed(let identity, let program, let status, let lines):
      RestoreError.notRestored(
        identity, standing: standing, problem: ClientFailure.problem(program, status, lines),
        suggestion: identity.advice.suggestion(lines) ?? look)
    case RestoreError.inputIgnored(let identity, let program):
      RestoreError.notRestored(
        identity, standing: standing, problem: "\(program) ended without a word that it had come to the end",
        suggestion: look)
    case is RunCancelled:
      RestoreError.notRestored(job.identity, standing: standing, problem: "it was stopped on request", suggestion: look)
    default: error
    }
  }

  private func hasEnded() -> Bool {
    let sql: PostgreSQLStatement = """
      SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
      WHERE a.application_name = \(literal: job.token.sessionName) AND a.pid <> pg_catalog.pg_backend_pid()
      """
    // The run may be cancelled by now.
    guard let pause = try? Cancellation() else { return false }
    let end = job.context.clock.steadySeconds() + Self.looks.patience
    for _ in 0..<Self.looks.count where job.context.clock.steadySeconds() < end {
      guard let count = Self.answer(sql, job, database) else { return false }
      if count.isSame(as: "0") { return true }
      try? pause.sleep(Self.looks.pause)
    }
    return false
  }

  private static func numbers(_ job: RestoreJob, _ database: String) -> String? {
    answer(
      """
      SELECT pg_catalog.concat_ws(' ',
      (SELECT pg_catalog.sum(c.oid::pg_catalog.int8) FROM pg_catalog.pg_class c WHERE c.relpersistence <> 't'),
      (SELECT pg_catalog.sum(p.oid::pg_catalog.int8) FROM pg_catalog.pg_proc p),
      (SELECT pg_catalog.sum(t.oid::pg_catalog.int8) FROM pg_catalog.pg_type t WHERE t.typtype IN ('d', 'e', 'r', 'm')))
      """, job, database)
  }

  private static func answer(_ sql: PostgreSQLStatement, _ job: RestoreJob, _ database: String) -> String? {
    let result = try? job.connection.query(sql, database: database, isCleanup: true, context: job.context)
    guard let result, result.status.isSuccess else { return nil }
    return result.text.trimmed
  }
}
