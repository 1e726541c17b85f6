import CofferSystem

/// A plain dump, read by psql, statement after statement.
///
/// Where a statement fails because something is not found, the database is made anew and the whole dump is run again with
/// the search path of the database in use. A script cannot go on behind a failed COPY: psql would take its rows for
/// statements.
final class PlainContent: RestoredContent {
  private let job: ContentJob
  private let makeAnew: () throws -> Void
  private var client: ScriptClient?
  private var script = PlainScript()
  private var patch: PatchedHead?
  private var failure: RestoreError?
  private(set) var warnings: [String] = []

  /// - Parameter makeAnew: Makes the database empty again.
  init(_ job: ContentJob, makeAnew: @escaping () throws -> Void) throws {
    self.job = job
    self.makeAnew = makeAnew
    client = try Self.start(job, job.connection)
  }

  private static func start(_ job: ContentJob, _ connection: PostgreSQLConnection) throws -> ScriptClient {
    try ScriptClient(
      database: job.database, options: job.entry.restoreOptions, inTransaction: false, connection: connection,
      of: job.identity, context: job.context)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try attempt {
      if patch == nil { return try send(bytes) }
      try patch?.feed(bytes, send)
    }
  }

  func endPass() throws -> Bool {
    try attempt {
      try patch?.finish(send)
      try script.finish { try client?.write($0) }
      try script.check(job.identity)
      try client?.finish()
    }
    client = nil
    guard let failure else { return false }
    guard patch == nil, case .programFailed(_, _, _, let lines) = failure,
      LostEntry(number: 0, title: "", error: lines.joined(separator: "\n")).isWorthAnotherTry
    else { throw failure }
    self.failure = nil
    script = PlainScript()
    patch = PatchedHead(SearchPathPatch.apply(toScript:))
    try makeAnew()
    client = try Self.start(job, job.lenientConnection)
    let cause = PostgreSQLFailure.telling(lines)
    warnings = [
      "\(job.identity.title): restored with search_path \(job.searchPath), because without it: \(cause)"
    ]
    return true
  }

  func abandon() {
    client?.abandon()
    client = nil
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes) { try client?.write($0) }
  }

  /// What fails is kept until the end of the reading: the rest of the dump is read for nothing then.
  private func attempt(_ body: () throws -> Void) throws {
    guard failure == nil else { return }
    do {
      try body()
    } catch let error as RestoreError {
      failure = error
      client?.abandon()
    }
  }
}
