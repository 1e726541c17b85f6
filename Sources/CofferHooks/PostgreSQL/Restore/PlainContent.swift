import CofferSystem

/// A plain dump, read by psql, statement after statement.
///
/// Where a statement fails, the database is made anew, and the dump is run again with the search path of the database in
/// use, going on behind errors. What failed of it is tried once more when all else is there; what fails before triggers,
/// constraints and materialized views come is tried before they do, because they would make something else of rows.
///
/// A comment on an extension that fails needs no other search path: behind it, the second reading is as the first one, but
/// goes on behind errors.
final class PlainContent: RestoredContent {
  /// One reading of the dump.
  private final class Reading {
    /// Whether the database's own search path is in force.
    let isLenient: Bool
    /// What failed before and alone is run; nil where all of the dump, or of its rest, is.
    let retried: [LostEntry]?
    /// psql that ends at the first error.
    private let strict: ScriptClient?
    /// psql that goes on behind errors.
    private let tolerant: TolerantScript?
    private var script = PlainScript()
    private var patch: PatchedHead?
    private var failure: RestoreError?

    /// The first reading.
    init(_ job: ContentJob) throws {
      (isLenient, retried, tolerant) = (false, nil, nil)
      strict = try Self.strict(job, job.connection)
    }

    /// A later one.
    init(_ job: ContentJob, _ choice: TolerantScript.Choice, isLenient: Bool, retried: [LostEntry]?) throws {
      let connection = isLenient ? job.lenientConnection : job.connection
      self.isLenient = isLenient
      self.retried = retried
      if isLenient { patch = PatchedHead(SearchPathPatch.apply(toScript:)) }
      tolerant = try TolerantScript(job, connection, choice)
      // An older psql can only give up.
      strict = tolerant == nil ? try Self.strict(job, connection) : nil
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

    /// - Returns: What failed, of a reading that goes on behind errors.
    /// - Throws: `RestoreError` when it did not get to the dump's end.
    func finish(_ job: ContentJob) throws -> TolerantScript.Outcome {
      var outcome = TolerantScript.Outcome()
      try attempt {
        try patch?.finish(send)
        try script.finish(emit)
        try script.check(job.identity)
        try strict?.finish()
        outcome = try tolerant?.finish() ?? outcome
      }
      if let failure { throw failure }
      return outcome
    }

    func abandon() {
      strict?.abandon()
      tolerant?.abandon()
    }

    private func send(_ bytes: UnsafeRawBufferPointer) throws {
      try script.feed(bytes, emit)
    }

    private func emit(_ bytes: UnsafeRawBufferPointer) throws {
      try strict?.write(bytes)
      try tolerant?.write(bytes)
    }

    /// What fails is kept until the end of the reading: the rest of the dump is read for nothing then.
    private func attempt(_ body: () throws -> Void) throws {
      guard failure == nil else { return }
      do {
        try body()
      } catch let error as RestoreError {
        failure = error
        abandon()
      }
    }
  }

  private let job: ContentJob
  private let makeAnew: () throws -> Void
  private var reading: Reading
  private var isFirst = true
  /// Why the database's own search path is in force.
  private var cause: String?
  /// Where the reading that was stopped goes on.
  private var rest: Int?
  /// What has failed for good.
  private var lost: [LostEntry] = []
  private(set) var warnings: [String] = []

  /// - Parameter makeAnew: Makes the database empty again.
  init(_ job: ContentJob, makeAnew: @escaping () throws -> Void) throws {
    self.job = job
    self.makeAnew = makeAnew
    reading = try Reading(job)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try reading.write(bytes)
  }

  func endPass() throws -> Bool {
    let outcome: TolerantScript.Outcome
    do {
      outcome = try reading.finish(job)
    } catch let error as RestoreError {
      reading.abandon()
      guard isFirst else { throw error }
      return try makeTolerant(behind: error)
    }
    guard !isFirst else { return false }
    return try goOn(behind: outcome)
  }

  /// - Returns: Whether the dump is wanted once more.
  private func makeTolerant(behind failure: RestoreError) throws -> Bool {
    guard case .programFailed(_, _, _, let lines) = failure, !LostEntry.isAccidental(lines) else { throw failure }
    let error = lines.joined(separator: "\n")
    isFirst = false
    guard !LostEntry.isOfExtension(error) else {
      try makeAnew()
      return try start(.all, isLenient: false)
    }
    guard job.continuesOnErrors || !LostEntry.isHopeless(error) else { throw failure }
    return try makeLenient(because: PostgreSQLFailure.telling(lines))
  }

  /// Begins anew with the database's own search path.
  private func makeLenient(because cause: String) throws -> Bool {
    self.cause = cause
    (lost, rest) = ([], nil)
    try makeAnew()
    return try start(.all, isLenient: true)
  }

  /// - Returns: Whether the dump is wanted once more.
  private func goOn(behind outcome: TolerantScript.Outcome) throws -> Bool {
    if !reading.isLenient, let first = outcome.lost.first(where: { !$0.isHarmless }),
      job.continuesOnErrors || !LostEntry.isHopeless(first.error)
    {
      return try makeLenient(because: PostgreSQLFailure.telling([first.error]))
    }
    if let stop = outcome.stop { rest = stop }
    let again = reading.retried == nil ? outcome.lost.filter(outcome.mayRetry) : []
    if again.contains(where: \.isWorthAnotherTry) {
      let numbers = Set(again.map(\.number))
      lost += outcome.lost.filter { !numbers.contains($0.number) }
      return try start(.only(numbers), isLenient: reading.isLenient, retried: again)
    }
    lost += outcome.lost.keepingFirstErrors(of: reading.retried ?? [])
    guard let start = rest else {
      try conclude()
      return false
    }
    _ = try lost.missing(of: "psql", job)
    rest = nil
    return try self.start(.from(start), isLenient: reading.isLenient)
  }

  /// - Returns: true: the dump is wanted once more.
  private func start(
    _ choice: TolerantScript.Choice, isLenient: Bool, retried: [LostEntry]? = nil
  ) throws -> Bool {
    reading = try Reading(job, choice, isLenient: isLenient, retried: retried)
    return true
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
    reading.abandon()
  }
}
