import CofferSystem
import Glibc

/// A restore that builds a database beside the one that is there, and gives it the name at the end.
///
/// Until that moment nothing that was there is touched, so no transaction has to hold it all together: what it takes in
/// locks does not grow with what is restored.
final class PostgreSQLSwapRestore: RunningRestore {
  let job: RestoreJob
  let survey: PostgreSQLSurvey
  let properties: DatabaseProperties
  let keeper: RestoreKeeper?
  let built: BuiltDatabase
  private let timescale: Timescale?
  private let trace: CommitTrace
  var content: (any RestoredContent)?
  private var warnings: [String] = []

  var name: String { job.destination.name }
  var context: HookContext { job.context }

  /// - Parameter survey: Of the moment, so that what is replaced at the end is what is there now.
  init(_ job: RestoreJob, _ survey: PostgreSQLSurvey, folder: String?) throws {
    self.job = job
    self.survey = survey
    let connection = job.connection
    // Not one of the token's sessions: these are ended when the database is made anew.
    keeper = RestoreKeeper(job.token, in: survey.workplace, connection, job.context)
    properties = try Self.properties(job)
    built = try BuiltDatabase(
      properties, token: job.token, survey: survey, of: job.identity, connection: connection,
      context: job.context)
    timescale = job.timescale?.moved(to: built.name)
    trace = CommitTrace(job, in: built.name)
    warnings = removeLeftovers()
    do {
      try prepare()
      let content = ContentJob(
        facts: job.facts, entry: job.entry, schemas: job.schemas, database: built.name,
        // Nothing of it counts before the exchange, whose commit makes all that was written before it safe.
        connection: job.session([.init(name: "synchronous_commit", value: "off")]),
        continuesOnErrors: job.continuesOnErrors, searchPath: job.properties.searchPath ?? #""$user", public"#,
        context: job.context)
      self.content =
        job.isPlain
        ? try PlainContent(content, makeAnew: { [unowned self] in try makeAnew() })
        : try ArchiveContent(content, folder: folder, makeAnew: { [unowned self] in try makeAnew() })
    } catch {
      throw failure(error)
    }
  }

  /// What the dump does not know of its database, the one that is there knows.
  private static func properties(_ job: RestoreJob) throws -> DatabaseProperties {
    guard !job.properties.isKnown, job.destination.state != .missing else { return job.properties }
    let answer = try job.connection.query(
      DatabaseProperties.question, database: job.destination.name, context: job.context)
    guard let facts = DatabaseProperties.facts(in: answer) else {
      throw RestoreError.refused(
        job.identity,
        problem: "owner, encoding and settings of '\(job.destination.name)' are not in the dump and cannot be read: "
          + PostgreSQLFailure.telling(answer.errorLines),
        suggestion: job.identity.advice.suggestion(answer.errorLines))
    }
    return DatabaseProperties(details: facts)
  }

  private func prepare() throws {
    if job.properties.hasNoPublicSchema, job.schemas.isEmpty {
      // Every new database has one, and no dump says that it was dropped.
      let problems = try job.connection.refusals(
        of: ["DROP SCHEMA public"], database: built.name, identity: job.identity, context: context)
      warnings += problems.map {
        "\(job.identity.title): The schema 'public', which the dump does not have, is left: \($0)"
      }
    }
    try timescale?.prepare(context)
    _ = try job.createSchemas(in: built.name)
  }

  private func makeAnew() throws {
    job.connection.endSessions(of: job.token, from: survey.workplace, context: context)
    guard built.drop() else {
      throw RestoreError.refused(
        job.identity, problem: "the database '\(built.name)', which was being filled, could not be made anew",
        suggestion: nil)
    }
    try built.make()
    try prepare()
  }

  // MARK: - The dump

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      try content?.write(bytes)
    } catch {
      throw failure(error)
    }
  }

  func endPass() throws -> Bool {
    do {
      return try content?.endPass() ?? false
    } catch {
      throw failure(error)
    }
  }

  func finish() throws -> [String] {
    do {
      warnings += content?.warnings ?? []
      content = nil
      try trace.checkMade()
      warnings += timescale?.complete(context) ?? []
      warnings += try restoreProperties()
      if job.entry.analyzes, !job.session().analyze(built.name, options: job.entry.analyzeOptions, context: context) {
        try context.cancellation.check()
        warnings.append("\(job.identity.title): restored, but ANALYZE failed; run it by hand")
      }
      try exchange()
      if let number = built.oid { context.restored.add(ServerText(name), number: number) }
    } catch {
      throw failure(error)
    }
    keeper?.release()
    return warnings + finishMarks() + removeOld() + job.plainOwnerWarning
  }

  func abandon() {
    _ = failure(RunCancelled())
  }
}
