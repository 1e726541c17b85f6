import CofferSystem
import Foundation

/// The restore of one SQLite database: built beside the target, checked, then renamed over it.
struct SQLiteRestore: PlannedRestore {
  private let facts: DumpFacts
  private let path: String
  private let command: [String]
  private let exists: Bool

  init(facts: DumpFacts, path: String, command: [String], context: HookContext) throws {
    self.facts = facts
    self.path = path
    self.command = command
    exists = access(path, F_OK) == 0
    let folder = (path as NSString).deletingLastPathComponent
    guard access(folder, W_OK) == 0 else {
      throw RestoreError.refused(
        facts.identity, problem: "the folder \(folder) is missing or may not be written to",
        suggestion: "Make the folder, or name another file with --restore-path")
    }
    let version = try context.launcher.run(
      ChildCommand(command[0], Array(command.dropFirst()) + ["-version"], environment: context.environment))
    guard version.status.isSuccess else {
      throw RestoreError.refused(
        facts.identity, problem: ClientFailure.problem(command[0], version.status, version.errorLines),
        suggestion: "Install sqlite3, or correct sqlite_restore_command")
    }
    if exists { try checkNotInUse(context) }
  }

  var summary: String {
    "\(facts.identity.title) -> \(path)" + (exists ? " (the file is replaced)" : " (a new file)")
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let temporary = "\(path).coffer-\(String(UInt32.random(in: 0 ... .max), radix: 16))"
    let client = try ClientInput(run(["-bail", temporary], context), of: facts.identity, context: context)
    return SQLiteRunningRestore(
      client, temporary: temporary, path: path,
      check: { file in
        try context.launcher.run(
          run(["file:\(file)?immutable=1", "PRAGMA integrity_check"], context), seconds: 24 * 3600,
          cancellation: context.cancellation)
      },
      recheck: { if access(path, F_OK) == 0 { try checkNotInUse(context) } })
  }

  private func run(_ arguments: [String], _ context: HookContext) -> ChildCommand {
    ChildCommand(
      command[0], Array(command.dropFirst()) + ["-batch", "-init", "/dev/null"] + arguments,
      environment: context.environment)
  }

  /// A process that has the database locked would go on with the old file, unseen by everyone else. An exclusive
  /// lock in a write-ahead-log database also folds the log back into the file.
  private func checkNotInUse(_ context: HookContext) throws {
    let header = FileManager.default.contents(atPath: path)?.prefix(16)
    // What is no database is in nobody's use as one.
    guard let header, header.elementsEqual("SQLite format 3\0".utf8) else { return }
    let result = try context.launcher.run(
      run([path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;"], context),
      cancellation: context.cancellation)
    guard result.status.isSuccess || !result.errorLines.joined().contains("locked") else {
      throw RestoreError.refused(
        facts.identity, problem: "another process is using \(path)",
        suggestion: "Stop what uses it, or restore to another file with --restore-path")
    }
  }
}

/// A SQLite restore on its way.
final class SQLiteRunningRestore: RunningRestore {
  private let client: ClientInput
  private let temporary: String
  private let path: String
  private let check: (String) throws -> CommandResult
  private let recheck: () throws -> Void

  init(
    _ client: ClientInput, temporary: String, path: String, check: @escaping (String) throws -> CommandResult,
    recheck: @escaping () throws -> Void
  ) {
    self.client = client
    self.temporary = temporary
    self.path = path
    self.check = check
    self.recheck = recheck
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try client.write(bytes)
  }

  func finish() throws -> [String] {
    do {
      try client.finish()
      let result = try check(temporary)
      guard result.status.isSuccess, result.text == "ok\n" else {
        throw RestoreError.refused(
          client.identity, problem: "the restored file does not pass SQLite's integrity check: \(result.text)",
          suggestion: nil)
      }
      try recheck()
      try keepOwnerAndMode()
      try putInPlace()
    } catch {
      abandon()
      throw error
    }
    return []
  }

  func abandon() {
    client.abandon()
    for suffix in ["", "-wal", "-shm", "-journal"] { unlink(temporary + suffix) }
  }

  private func keepOwnerAndMode() throws {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return }
    guard chmod(temporary, facts.st_mode & 0o7777) == 0 else { throw SystemError(call: "chmod", subject: temporary) }
    // Only root may give files away; for anyone else the file is theirs as the old one was.
    _ = chown(temporary, facts.st_uid, facts.st_gid)
  }

  private func putInPlace() throws {
    let file = try FileDescriptor(opening: temporary, flags: O_RDONLY)
    guard fsync(file.number) == 0 else { throw SystemError(call: "fsync", subject: temporary) }
    // The old database's leftovers would be taken for the new one's.
    for suffix in ["-wal", "-shm", "-journal"] { unlink(path + suffix) }
    guard rename(temporary, path) == 0 else { throw SystemError(call: "rename", subject: path) }
    for suffix in ["-wal", "-shm", "-journal"] { unlink(temporary + suffix) }
    let folder = try FileDescriptor(
      opening: (path as NSString).deletingLastPathComponent, flags: O_RDONLY | O_DIRECTORY)
    _ = fsync(folder.number)
  }
}
