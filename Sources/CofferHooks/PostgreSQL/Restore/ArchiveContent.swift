import CofferSystem
import Glibc

/// A dump in one of the archive formats, read by pg_restore, entry after entry.
///
/// Entries that fail are tried again when all the others are there, with the search path of the database in use. Where
/// rows are among them, the database is made anew and filled in two stages instead: rows that come late must find no
/// trigger and no materialized view, which would make something else of them.
final class ArchiveContent: RestoredContent {
  /// What of the archive is read before what of it has failed is tried again.
  private enum Part {
    case whole
    /// All up to the rows, and the rows.
    case rows
    /// What looks at rows: indexes, constraints, triggers, the content of materialized views.
    case rest

    var sections: [String] {
      switch self {
      case .whole: []
      case .rows: ["--section", "pre-data", "--section", "data"]
      case .rest: ["--section", "post-data"]
      }
    }
  }

  /// Entries that failed, and the file that names them for the reading that tries them again.
  private struct Retried {
    let entries: [LostEntry]
    let list: String
  }

  /// One reading of the dump.
  private final class Reading {
    let retried: Retried?
    private let client: ClientInput
    private var patch: PatchedHead?
    private var failure: RestoreError?

    init(_ client: ClientInput, patch: PatchedHead?, retried: Retried?) {
      self.client = client
      self.patch = patch
      self.retried = retried
    }

    /// What fails is kept until the end: the rest of the dump is read for nothing then.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
      guard failure == nil else { return }
      do {
        if patch == nil { return try client.write(bytes) }
        try patch?.feed(bytes, client.write)
      } catch let error as RestoreError {
        failure = error
      }
    }

    /// - Returns: What pg_restore says that it could not restore.
    /// - Throws: `RestoreError` when it did not get to the dump's end.
    func finish() throws -> RestoreReport {
      do {
        if let failure { throw failure }
        try patch?.finish(client.write)
        try client.finish()
        return RestoreReport(lines: [])
      } catch let RestoreError.programFailed(identity, program, status, lines) {
        let report = RestoreReport(lines: lines)
        guard status == .exited(1), report.isWhole else {
          throw RestoreError.programFailed(identity, program: program, status: status, lines: lines)
        }
        return report
      }
    }

    func end() {
      client.abandon()
      if let retried { unlink(retried.list) }
    }
  }

  private let job: ContentJob
  private let folder: String?
  private let makeAnew: () throws -> Void
  private var spool: SpooledDump?
  /// nil while a dump that pg_restore reads from a file is written to it.
  private var reading: Reading?
  private var part = Part.whole
  /// Whether the database's own search path is in force.
  private var isLenient = false
  /// What failed with an empty search path, once there is more than one reading.
  private var first: RestoreReport?
  /// What failed in the stages that are through.
  private var lost: [LostEntry] = []
  private(set) var warnings: [String] = []

  /// What pg_restore says of everything that fails: for one entry some hundred bytes, as a rule.
  private static let errorLimit = ChildCommand.ErrorLimit(bytes: 16 << 20, lines: .max)

  /// - Parameters:
  ///   - folder: The dump's files, of format directory.
  ///   - makeAnew: Makes the database empty again.
  init(_ job: ContentJob, folder: String?, makeAnew: @escaping () throws -> Void) throws {
    self.job = job
    self.folder = folder
    self.makeAnew = makeAnew
    // A command of the user's own may run where this machine's files are not.
    if folder == nil, job.facts.has(PostgreSQLOptions.Format.tar), job.entry.connection.override(of: .restore) == nil {
      spool = try SpooledDump(context: job.context)
    }
    if folder == nil, spool == nil { try start() }
  }

  /// The file or folder that pg_restore reads; nil for its standard input.
  private var path: String? { folder ?? spool?.path }

  private func start(retrying retried: Retried? = nil) throws {
    let connection = isLenient ? job.lenientConnection : job.connection
    var arguments = ["--dbname", connection.pinnedString(job.database, context: job.context)]
    if job.entry.noOwner { arguments.append("--no-owner") }
    arguments += job.schemas.flatMap { ["--schema", $0] }
    if !job.schemas.isEmpty { arguments.append("--strict-names") }
    arguments += ["--format", job.facts.format] + job.entry.restoreOptions + part.sections
    if let retried { arguments += ["--use-list", retried.list] }
    // Only then it tells which entries its errors are of.
    arguments.append("--verbose")
    var command = connection.command(.restore, arguments + (path.map { [$0] } ?? []), context: job.context)
    command.errorLimit = Self.errorLimit
    let patch = isLenient && path == nil ? PatchedHead(SearchPathPatch.apply(toArchive:)) : nil
    do {
      reading = Reading(
        try ClientInput(command, of: job.identity, context: job.context), patch: patch, retried: retried)
    } catch {
      if let retried { unlink(retried.list) }
      throw error
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if let spool { return try spool.write(bytes) }
    try reading?.write(bytes)
  }

  func endPass() throws -> Bool {
    if path != nil, reading == nil { try start() }
    let retried = reading?.retried
    let report = try finishReading()
    if retried == nil, report.isWorthAnotherTry, let again = try prepareAgain(report) {
      switch again {
      case .part: return try readAgain()
      case .entries(let entries): return try readAgain(retrying: entries)
      }
    }
    lost += report.entries.keepingFirstErrors(of: retried?.entries ?? []).keepingFirstErrors(of: first?.entries ?? [])
    guard part == .rows else {
      try conclude()
      return false
    }
    _ = try lost.missing(of: "pg_restore", job)
    part = .rest
    return try readAgain()
  }

  private func readAgain(retrying retried: Retried? = nil) throws -> Bool {
    try start(retrying: retried)
    return path == nil ? true : try endPass()
  }

  private func finishReading() throws -> RestoreReport {
    defer { endReading() }
    return try reading?.finish() ?? RestoreReport(lines: [])
  }

  private func endReading() {
    reading?.end()
    reading = nil
  }

  /// What is read once more.
  private enum Again {
    /// A part, into an empty database.
    case part
    case entries(Retried)
  }

  /// - Returns: nil when what failed cannot be tried again so that it becomes what it was.
  private func prepareAgain(_ report: RestoreReport) throws -> Again? {
    // A configured command may run where the list of entries is not.
    guard job.entry.connection.override(of: .restore) == nil else { return nil }
    let hasLostRows = part == .whole && report.entries.contains { $0.kind == .rows }
    if hasLostRows, job.entry.restoreOptions.contains(where: RestoreWay.choosesPart) { return nil }
    guard try isLenient || makeLenient() else { return nil }
    if first == nil { first = report }
    guard !hasLostRows else {
      try makeAnew()
      part = .rows
      return .part
    }
    let path = try job.context.runtime.makeParent(of: "entries-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    let text = report.entries.filter { !$0.isHarmless }.map { "\($0.number);\n" }.joined()
    try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    return .entries(Retried(entries: report.entries, list: path))
  }

  /// - Returns: Whether the readings from here on have the database's own search path.
  private func makeLenient() throws -> Bool {
    if let spool {
      guard try spool.patch() else { return false }
    } else if let folder {
      guard try Self.patch("\(folder)/toc.dat") else { return false }
    }
    isLenient = true
    return true
  }

  private func conclude() throws {
    removeSpool()
    let missing = try lost.missing(of: "pg_restore", job)
    guard missing.isEmpty else {
      warnings += job.warnings(ofLost: missing)
      return
    }
    if let back = first?.entries.filter({ !$0.isHarmless }), let one = back.first {
      let names = back.prefix(20).map(\.title).joined(separator: ", ") + (back.count > 20 ? " and others" : "")
      warnings.append(
        "\(job.identity.title): restored whole, but with search_path \(job.searchPath) for \(names); with an empty one: "
          + one.error)
    }
  }

  /// Replaces what is there in the file's beginning.
  private static func patch(_ path: String) throws -> Bool {
    let file = try FileDescriptor(opening: path, flags: O_RDWR | O_NOFOLLOW)
    return try SpooledDump.patch(file, path)
  }

  private func removeSpool() {
    spool?.remove()
    spool = nil
  }

  func abandon() {
    endReading()
    removeSpool()
  }
}
