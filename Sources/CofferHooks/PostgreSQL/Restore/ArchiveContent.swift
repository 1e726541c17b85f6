import CofferSystem
import Foundation

/// A dump in one of the archive formats, read by pg_restore, entry after entry.
///
/// Entries that fail are tried again when all the others are there, with the search path of the database in use.
final class ArchiveContent: RestoredContent {
  private let job: ContentJob
  private let folder: String?
  private var spool: SpooledDump?
  private var client: ClientInput?
  private var patch: PatchedHead?
  /// What failed at the first reading, once there is a second.
  private var first: RestoreReport?
  /// The file that names the entries of the second reading.
  private var list: String?
  private var failure: RestoreError?
  private(set) var warnings: [String] = []

  /// What pg_restore says of everything that fails: for one entry some hundred bytes, as a rule.
  private static let errorLimit = ChildCommand.ErrorLimit(bytes: 16 << 20, lines: .max)

  /// - Parameter folder: The dump's files, of format directory.
  init(_ job: ContentJob, folder: String?) throws {
    self.job = job
    self.folder = folder
    // A command of the user's own may run where this machine's files are not.
    if folder == nil, job.facts.format == "tar", job.entry.connection.override(of: .restore) == nil {
      spool = try SpooledDump(context: job.context)
    }
    if folder == nil, spool == nil { try start() }
  }

  /// The file or folder that pg_restore reads; nil for its standard input.
  private var path: String? { folder ?? spool?.path }

  private func start() throws {
    let connection = list != nil ? job.lenientConnection : job.connection
    var arguments = ["--dbname", connection.pinnedString(job.database, context: job.context)]
    if job.entry.noOwner { arguments.append("--no-owner") }
    arguments += job.schemas.flatMap { ["--schema", $0] }
    if !job.schemas.isEmpty { arguments.append("--strict-names") }
    arguments += ["--format", job.facts.format] + job.entry.restoreOptions
    if let list { arguments += ["--use-list", list] }
    // Only then it tells which entries its errors are of.
    arguments.append("--verbose")
    var command = connection.command(.restore, arguments + (path.map { [$0] } ?? []), context: job.context)
    command.errorLimit = Self.errorLimit
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
    let outcome = try finishClient()
    let report = outcome ?? RestoreReport(lines: [])
    if list != nil {
      removeList()
      return try conclude(report.keepingFirstErrors(of: first ?? report), tried: first)
    }
    guard report.isWorthAnotherTry, try prepareSecond(report) else { return try conclude(report, tried: nil) }
    first = report
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

  /// - Returns: false when the entries cannot be tried again.
  private func prepareSecond(_ report: RestoreReport) throws -> Bool {
    // A configured command may run where the list of entries is not.
    guard job.entry.connection.override(of: .restore) == nil else { return false }
    if let spool {
      guard try spool.patch() else { return false }
    } else if let folder {
      guard try Self.patch("\(folder)/toc.dat") else { return false }
    } else {
      patch = PatchedHead(SearchPathPatch.apply(toArchive:))
    }
    let path = try job.context.runtime.makeParent(of: "entries-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    let text = report.entries.filter { !$0.isHarmless }.map { "\($0.number);\n" }.joined()
    try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    list = path
    return true
  }

  /// - Parameter tried: What failed at first, if there was a second reading.
  private func conclude(_ report: RestoreReport, tried: RestoreReport?) throws -> Bool {
    removeSpool()
    let lost = report.entries.filter { !$0.isHarmless }
    let title = job.identity.title
    guard lost.isEmpty else {
      guard job.continuesOnErrors, !report.isAccidental else {
        throw ContentLost(program: "pg_restore", entries: lost)
      }
      warnings += job.warnings(ofLost: lost)
      return false
    }
    if let back = tried?.entries.filter({ !$0.isHarmless }), let one = back.first {
      let names = back.prefix(20).map(\.title).joined(separator: ", ") + (back.count > 20 ? " and others" : "")
      warnings.append(
        "\(title): restored whole, but with search_path \(job.searchPath) for \(names); with an empty one: "
          + one.error)
    }
    return false
  }

  /// Replaces what is there in the file's beginning.
  private static func patch(_ path: String) throws -> Bool {
    let file = try FileDescriptor(opening: path, flags: O_RDWR | O_NOFOLLOW)
    return try SpooledDump.patch(file, path)
  }

  private func removeList() {
    if let list { unlink(list) }
    list = nil
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
