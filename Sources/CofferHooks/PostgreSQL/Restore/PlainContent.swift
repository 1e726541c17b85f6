import CofferSystem

/// A plain dump, read by psql, statement after statement.
///
/// Where a statement fails, the database is made anew, and the dump is run again with the search path of the database in
/// use, going on behind errors. What failed of it is tried once more when all else is there; what fails before triggers,
/// constraints and materialized views come is tried before they do, because they would make something else of rows.
final class PlainContent: RestoredContent {
  private let job: ContentJob
  private let makeAnew: () throws -> Void
  /// For the first reading.
  private var client: ScriptClient?
  /// For the readings after it.
  private var tolerant: TolerantScript?
  private var script = PlainScript()
  private var patch: PatchedHead?
  private var failure: (any Error)?
  /// Why there is more than one reading.
  private var cause: String?
  /// What failed and is being tried again.
  private var retried: [LostEntry]?
  /// Where the reading that was stopped goes on.
  private var rest: Int?
  /// What has failed for good.
  private var lost: [LostEntry] = []
  private(set) var warnings: [String] = []

  /// - Parameter makeAnew: Makes the database empty again.
  init(_ job: ContentJob, makeAnew: @escaping () throws -> Void) throws {
    self.job = job
    self.makeAnew = makeAnew
    client = try Self.strict(job, job.connection)
  }

  private static func strict(_ job: ContentJob, _ connection: PostgreSQLConnection) throws -> ScriptClient {
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
    var outcome = TolerantScript.Outcome()
    try attempt {
      try patch?.finish(send)
      try script.finish(emit)
      try script.check(job.identity)
      try client?.finish()
      outcome = try tolerant?.finish() ?? outcome
    }
    if let failure { return try makeTolerant(behind: failure) }
    (client, tolerant) = (nil, nil)
    guard patch != nil else { return false }
    return try goOn(behind: outcome)
  }

  /// - Returns: Whether the dump is wanted once more.
  private func makeTolerant(behind failure: any Error) throws -> Bool {
    abandon()
    guard patch == nil, case RestoreError.programFailed(_, _, _, let lines) = failure,
      !LostEntry.isAccidental(lines)
    else { throw failure }
    let error = lines.joined(separator: "\n")
    let isOfExtension = LostEntry.isOfExtension(error)
    guard job.continuesOnErrors || isOfExtension || !LostEntry.isHopeless(error) else { throw failure }
    if !isOfExtension { cause = PostgreSQLFailure.telling(lines) }
    try makeAnew()
    try start(.all)
    return true
  }

  /// - Returns: Whether the dump is wanted once more.
  private func goOn(behind outcome: TolerantScript.Outcome) throws -> Bool {
    if let stop = outcome.stop { rest = stop }
    let again = retried == nil ? outcome.lost.filter(outcome.mayRetry) : []
    if again.contains(where: \.isWorthAnotherTry) {
      let numbers = Set(again.map(\.number))
      lost += outcome.lost.filter { !numbers.contains($0.number) }
      retried = again
      try start(.only(numbers))
      return true
    }
    lost += outcome.lost.keepingFirstErrors(of: retried ?? [])
    retried = nil
    guard let start = rest else {
      try conclude()
      return false
    }
    _ = try lost.missing(of: "psql", job)
    rest = nil
    try self.start(.from(start))
    return true
  }

  private func start(_ choice: TolerantScript.Choice) throws {
    failure = nil
    script = PlainScript()
    patch = PatchedHead(SearchPathPatch.apply(toScript:))
    tolerant = try TolerantScript(job, job.lenientConnection, choice)
    // An older psql can only give up.
    if tolerant == nil { client = try Self.strict(job, job.lenientConnection) }
  }

  private func conclude() throws {
    let missing = try lost.missing(of: "psql", job)
    guard missing.isEmpty else {
      warnings = job.warnings(ofLost: missing)
      return
    }
    guard let cause else { return }
    warnings = ["\(job.identity.title): restored with search_path \(job.searchPath), because without it: \(cause)"]
  }

  func abandon() {
    client?.abandon()
    tolerant?.abandon()
    (client, tolerant) = (nil, nil)
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws {
    try script.feed(bytes, emit)
  }

  private func emit(_ bytes: UnsafeRawBufferPointer) throws {
    try client?.write(bytes)
    try tolerant?.write(bytes)
  }

  /// What fails is kept until the end of the reading: the rest of the dump is read for nothing then.
  private func attempt(_ body: () throws -> Void) throws {
    guard failure == nil else { return }
    do {
      try body()
    } catch let error as RestoreError {
      failure = error
      client?.abandon()
      tolerant?.abandon()
    }
  }
}
