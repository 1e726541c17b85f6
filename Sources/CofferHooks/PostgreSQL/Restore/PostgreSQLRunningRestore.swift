import CofferSystem

/// A program that takes a dump and commits it when it has taken all.
protocol RestoreClient: AnyObject {
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Ends the input, and waits for the program to commit.
  ///
  /// - Throws: `RestoreError`; `RunCancelled`. `CommitTrace` tells whether it was committed all the same.
  func finish() throws

  /// Gives up; nothing is committed.
  func abandon()
}

extension ClientInput: RestoreClient {}
extension ScriptClient: RestoreClient {}

/// What takes back the preparations of a restore, the last one first.
struct UndoSteps {
  private var steps: [() -> Void] = []

  mutating func add(_ step: @escaping () -> Void) {
    steps.append(step)
  }

  mutating func run() {
    for step in steps.reversed() { step() }
    steps = []
  }
}

/// What a restore leaves out, once its archive has been looked at.
private final class LeftOutRows {
  var entries: [String] = []
}

/// A restore into a database itself, in one transaction.
final class PostgreSQLRunningRestore: RunningRestore {
  private let job: RestoreJob
  private let watch: LockWatch
  private let trace: CommitTrace
  private var client: (any RestoreClient)?
  private var undo = UndoSteps()
  private let leftOut = LeftOutRows()

  private var name: String { job.destination.name }
  private var context: HookContext { job.context }

  init(_ job: RestoreJob, folder: String?) throws {
    self.job = job
    watch = LockWatch(
      job.token, from: job.destination.survey?.workplace ?? job.destination.name, job.connection, job.context)
    trace = CommitTrace(job)
    do {
      if let timescale = job.timescale {
        try timescale.prepare(job.context)
        undo.add { timescale.undo(job.context) }
      }
      for schema in try job.createSchemas(in: job.destination.name) {
        undo.add {
          _ = try? job.connection.query(
            "DROP SCHEMA \(identifier: schema)", database: job.destination.name, isCleanup: true,
            context: job.context)
        }
      }
      client = try Self.client(job, folder: folder, leftOut: leftOut, watch: watch.look)
    } catch {
      abandon()
      throw error
    }
  }

  private static func client(
    _ job: RestoreJob, folder: String?, leftOut: LeftOutRows, watch: @escaping () -> Void
  ) throws -> any RestoreClient {
    let connection = job.session()
    // Where there is nothing to clean, statements that make room can only fail.
    let mustClean = job.destination.state == .filled && job.makesRoom
    if job.isPlain {
      let client = try ScriptClient(
        database: job.destination.name, options: job.entry.restoreOptions, connection: connection, of: job.identity,
        watch: watch, context: job.context)
      return mustClean ? client : PlainScriptClient(client)
    }
    // A command of the user's own may run where this machine's files are not.
    let canRead = job.entry.connection.override(of: .restore) == nil
    let kept = canRead ? job.destination.keptExtensions : []
    var arguments = [
      "--exit-on-error", "--single-transaction", "--dbname",
      connection.withRole(job.destination.role, job.context).pinnedString(job.destination.name, context: job.context),
    ]
    if mustClean { arguments += ["--clean", "--if-exists"] }
    if job.entry.noOwner { arguments.append("--no-owner") }
    arguments += job.schemas.flatMap { ["--schema", $0] }
    if !job.schemas.isEmpty { arguments.append("--strict-names") }
    arguments += ["--format", job.facts.format] + job.entry.restoreOptions
    let command = { (file: String?) in
      var arguments = arguments
      if let file, !kept.isEmpty {
        let list = try ArchiveList(without: kept, of: file, job)
        leftOut.entries = list.leftOutRows
        arguments += ["--use-list", list.path]
      }
      return connection.command(.restore, arguments + (file.map { [$0] } ?? []), context: job.context)
    }
    if canRead, folder == nil, job.facts.has(PostgreSQLOptions.Format.tar) || !kept.isEmpty {
      return try SpooledArchive(of: job.identity, command: command, watch: watch, context: job.context)
    }
    return try ClientInput(command(folder), of: job.identity, watch: watch, context: job.context)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      try client?.write(bytes)
    } catch {
      throw failure(error)
    }
  }

  func finish() throws -> [String] {
    do {
      try client?.finish()
      try trace.checkMade()
    } catch {
      throw failure(error)
    }
    client = nil
    if let number = job.destination.survey?.database?.oid { context.restored.add(ServerText(name), number: number) }
    var warnings = job.timescale?.complete(context) ?? []
    warnings += job.plainOwnerWarning + defaultPrivilegesWarning() + leftOutWarning
    if job.entry.analyzes, !job.session().analyze(name, options: job.entry.analyzeOptions, context: context) {
      warnings.append("\(job.identity.title): restored, but ANALYZE failed; run it by hand")
    }
    return warnings
  }

  func abandon() {
    client?.abandon()
    client = nil
    // Its session would go on waiting for a lock, and make others wait behind it.
    job.connection.endSessions(of: job.token, from: workplace, context: context)
    undo.run()
  }

  private var workplace: String { job.destination.survey?.workplace ?? name }

  /// Gives up, and says who was in the way if somebody was.
  private func failure(_ error: any Error) -> any Error {
    abandon()
    guard !watch.holders.isEmpty, case RestoreError.programFailed = error else { return trace.judged(error) }
    return RestoreError.notRestored(
      job.identity, standing: "the database is as it was",
      problem: "what is to be replaced was locked for \(Int(LockWatch.patience)) seconds by "
        + PostgreSQLSessions.list(watch.holders),
      suggestion:
        "End those sessions (pg_terminate_backend), or restore as a user who may create databases: "
        + "a swap waits for no locks")
  }

  private var leftOutWarning: [String] {
    guard !leftOut.entries.isEmpty else { return [] }
    return [
      "\(job.identity.title): what belongs to extensions that stay as they are was not restored, and is as it was: "
        + leftOut.entries.joined(separator: ", ")
    ]
  }

  /// Rights that the database gives to everything new in it come on top of the dump's.
  private func defaultPrivilegesWarning() -> [String] {
    let result = try? job.connection.query(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_default_acl", database: name, context: context)
    guard let result, result.status.isSuccess, !result.text.utf8.starts(with: "0".utf8) else { return [] }
    return [
      "\(job.identity.title): the database has default privileges, which were in force while its objects were made anew "
        + "in place: compare the rights on them with what they are to be (restore_strategy: swap keeps them as dumped)"
    ]
  }
}

/// psql for a plain dump into a database that holds nothing yet.
final class PlainScriptClient: RestoreClient {
  private let client: ScriptClient
  private var script = PlainScript()

  init(_ client: ScriptClient) {
    self.client = client
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes) { try client.write($0) }
  }

  func finish() throws {
    try script.finish { try client.write($0) }
    try script.check(client.identity)
    try client.finish()
  }

  func abandon() {
    client.abandon()
  }
}
