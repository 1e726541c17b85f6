import CofferSystem

/// A restore of tables on its way: pg_restore reads the tables' own dump, in one transaction.
final class PostgreSQLRunningTableRestore: RunningRestore {
  private let job: RestoreJob
  private let archive: TableArchive
  private let tables: [RelationName]
  private let watch: LockWatch
  private let trace: CommitTrace
  private var client: ClientInput?
  private var blocks = CustomBlocks()
  /// The entries whose rows are still to come.
  private var awaited: Set<Int>

  init(_ job: RestoreJob, _ archive: TableArchive, into tables: [RelationName]) throws {
    self.job = job
    self.archive = archive
    self.tables = tables
    awaited = archive.blocks
    watch = LockWatch(
      job.token, from: job.destination.survey?.workplace ?? job.destination.name, job.connection, job.context)
    trace = CommitTrace(job)
    let connection = job.session()
    let string = connection.withRole(job.destination.role, job.context)
      .pinnedString(job.destination.name, context: job.context)
    var arguments = ["--exit-on-error", "--single-transaction", "--dbname", string]
    if job.entry.noOwner { arguments.append("--no-owner") }
    arguments += ["--format", PostgreSQLOptions.Format.custom.rawValue] + job.entry.restoreOptions
    let client = try ClientInput(
      connection.command(.restore, arguments, context: job.context), of: job.identity, watch: watch.look,
      context: job.context)
    self.client = client
    do {
      try archive.contents.withUnsafeBytes { try client.write($0) }
    } catch {
      throw failure(error)
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      // What is told to be rows, and is large objects, would be made.
      try blocks.feed(
        bytes,
        begins: { entry, _, isOfRows in
          guard awaited.remove(entry) != nil else { return false }
          guard isOfRows else { throw CustomBlocks.Malformed() }
          return true
        }
      ) { try client?.write($0) }
    } catch is CustomBlocks.Malformed {
      throw failure(damage("its blocks of rows cannot be told apart"))
    } catch {
      throw failure(error)
    }
  }

  func finish() throws -> [String] {
    do {
      guard blocks.isBetweenBlocks else { throw damage("it ends within a table's rows") }
      guard awaited.isEmpty else { throw damage("the rows of \(awaited.count) of the tables are not in it") }
      try client?.finish()
    } catch {
      throw failure(error)
    }
    client = nil
    let failed = job.session().executeEach(
      tables.map { "ANALYZE \($0.quoted)" }, database: job.destination.name, of: job.identity, context: job.context)
    return failed.map { "\(job.identity.title): restored, but ANALYZE failed; run it by hand: \($0)" }
  }

  func abandon() {
    client?.abandon()
    client = nil
    // Its session would go on waiting for a lock, and make others wait behind it.
    job.connection.endSessions(
      of: job.token, from: job.destination.survey?.workplace ?? job.destination.name, context: job.context)
  }

  private func damage(_ problem: String) -> RestoreError {
    .refused(job.identity, problem: "the dump is not what its archive says: \(problem)", suggestion: nil)
  }

  /// Gives up, and says who was in the way if somebody was.
  private func failure(_ error: any Error) -> any Error {
    abandon()
    guard !watch.holders.isEmpty, case RestoreError.programFailed = error else { return trace.judged(error) }
    return RestoreError.notRestored(
      job.identity, standing: "the database is as it was",
      problem: "what the table refers to or replaces was locked for \(Int(LockWatch.patience)) seconds by "
        + PostgreSQLSessions.list(watch.holders),
      suggestion: "End those sessions (pg_terminate_backend), or restore under another name with --table-as")
  }
}
