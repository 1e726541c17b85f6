import CofferSystem

/// A plain dump, read by psql, statement after statement.
///
/// Where a statement fails, the database is made anew, and the dump is run again with the search path of the database in use,
/// going on behind errors. What failed of it is tried once more when all else is there.
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
  /// Why there is more than one reading, and what the second one lost.
  private var cause = ""
  private var lost: [LostEntry]?
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
    var found: [LostEntry] = []
    try attempt {
      try patch?.finish(send)
      try script.finish(emit)
      try script.check(job.identity)
      try client?.finish()
      found = try tolerant?.finish() ?? []
    }
    if let failure { return try goOn(behind: failure) }
    (client, tolerant) = (nil, nil)
    guard patch != nil else { return false }
    if lost == nil, found.contains(where: \.isWorthAnotherTry) {
      lost = found
      try start(.only(Set(found.map(\.number))))
      return true
    }
    try conclude(found.keepingFirstErrors(of: lost ?? []))
    return false
  }

  /// - Returns: Whether the dump is wanted once more.
  private func goOn(behind failure: any Error) throws -> Bool {
    abandon()
    guard patch == nil, case RestoreError.programFailed(_, _, _, let lines) = failure,
      !LostEntry.isAccidental(lines),
      job.continuesOnErrors || LostEntry(number: 0, title: "", error: lines.joined(separator: "\n")).isWorthAnotherTry
    else { throw failure }
    cause = PostgreSQLFailure.telling(lines)
    try makeAnew()
    try start(.all)
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

  private func conclude(_ found: [LostEntry]) throws {
    guard found.isEmpty else {
      guard job.continuesOnErrors, !LostEntry.isAccidental(found.map(\.error)) else {
        throw ContentLost(program: "psql", entries: found)
      }
      warnings = job.warnings(ofLost: found)
      return
    }
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
