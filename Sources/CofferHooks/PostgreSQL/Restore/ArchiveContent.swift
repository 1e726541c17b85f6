import CofferSystem
import Foundation

/// A dump in one of the archive formats, read by pg_restore, entry after entry.
///
/// Entries that fail are tried again when all the others are there, with the search path of the database in use. Where
/// rows are among them, the database is made anew and filled in two stages instead: rows that come late must find no
/// trigger and no materialized view, which would make something else of them.
final class ArchiveContent: RestoredContent {
  /// What of the archive is read before what of it has failed is tried again.
  private enum Stage {
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

  private let job: ContentJob
  private let folder: String?
  private let makeAnew: () throws -> Void
  private var spool: SpooledDump?
  private var client: ClientInput?
  private var stage = Stage.whole
  /// Whether the database's own search path is in force.
  private var isLenient = false
  private var patch: PatchedHead?
  /// What failed with an empty search path, once there is more than one reading.
  private var first: RestoreReport?
  /// What failed at the first reading of a stage, and the file that names these entries for the second one.
  private var failed: (entries: [LostEntry], list: String)?
  /// What failed in the stages that are through.
  private var lost: [LostEntry] = []
  private var failure: RestoreError?
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
    if folder == nil, job.facts.format == "tar", job.entry.connection.override(of: .restore) == nil {
      spool = try SpooledDump(context: job.context)
    }
    if folder == nil, spool == nil { try start() }
  }

  /// The file or folder that pg_restore reads; nil for its standard input.
  private var path: String? { folder ?? spool?.path }

  private func start() throws {
    // A reading that ended early says nothing of the next one.
    failure = nil
    let connection = isLenient ? job.lenientConnection : job.connection
    var arguments = ["--dbname", connection.pinnedString(job.database, context: job.context)]
    if job.entry.noOwner { arguments.append("--no-owner") }
    arguments += job.schemas.flatMap { ["--schema", $0] }
    if !job.schemas.isEmpty { arguments.append("--strict-names") }
    arguments += ["--format", job.facts.format] + job.entry.restoreOptions + stage.sections
    if let failed { arguments += ["--use-list", failed.list] }
    // Only then it tells which entries its errors are of.
    arguments.append("--verbose")
    var command = connection.command(.restore, arguments + (path.map { [$0] } ?? []), context: job.context)
    command.errorLimit = Self.errorLimit
    if isLenient, path == nil { patch = PatchedHead(SearchPathPatch.apply(toArchive:)) }
    client = try ClientInput(command, of: job.identity, context: job.context)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if let spool { return try spool.write(bytes) }
    guard failure == nil else { return }
    do {
      if patch == nil { return try send(bytes) }
      try patch?.feed(bytes, send)
    } catch let error as RestoreError {
      failure = error
    }
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws {
    try client?.write(bytes)
  }

  func endPass() throws -> Bool {
    if path != nil, client == nil { try start() }
    let report = try finishClient() ?? RestoreReport(lines: [])
    if failed == nil, report.isWorthAnotherTry, try prepareAgain(report) { return try readAgain() }
    let earlier = failed?.entries ?? []
    removeList()
    lost += report.entries.keepingFirstErrors(of: earlier).keepingFirstErrors(of: first?.entries ?? [])
    guard stage == .rows else {
      try conclude()
      return false
    }
    _ = try lost.missing(of: "pg_restore", job)
    stage = .rest
    return try readAgain()
  }

  private func readAgain() throws -> Bool {
    try start()
    return path == nil ? true : try endPass()
  }

  /// - Returns: What pg_restore says that it could not restore; nil when it restored everything.
  /// - Throws: `RestoreError` when it did not get to the dump's end.
  private func finishClient() throws -> RestoreReport? {
    defer { client = nil }
    do {
      if let failure { throw failure }
      try patch?.finish(send)
      try client?.finish()
      return nil
    } catch let RestoreError.programFailed(identity, program, status, lines) {
      let report = RestoreReport(lines: lines)
      guard status == .exited(1), report.isWhole else {
        throw RestoreError.programFailed(identity, program: program, status: status, lines: lines)
      }
      return report
    }
  }

  /// - Returns: false when what failed cannot be tried again so that it becomes what it was.
  private func prepareAgain(_ report: RestoreReport) throws -> Bool {
    // A configured command may run where the list of entries is not.
    guard job.entry.connection.override(of: .restore) == nil else { return false }
    let hasLostRows = stage == .whole && report.entries.contains { $0.kind == .rows }
    if hasLostRows, job.entry.restoreOptions.contains(where: RestoreWay.choosesPart) { return false }
    guard try isLenient || makeLenient() else { return false }
    if first == nil { first = report }
    guard !hasLostRows else {
      try makeAnew()
      stage = .rows
      return true
    }
    let path = try job.context.runtime.makeParent(of: "entries-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    let text = report.entries.filter { !$0.isHarmless }.map { "\($0.number);\n" }.joined()
    failed = (report.entries, path)
    try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    return true
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

  private func removeList() {
    if let failed { unlink(failed.list) }
    failed = nil
  }

  private func removeSpool() {
    spool?.remove()
    spool = nil
  }

  func abandon() {
    client?.abandon()
    client = nil
    removeList()
    removeSpool()
  }
}
