import CofferSystem
import Foundation

/// The restore of one SQLite database: built beside the target, checked, then renamed over it.
struct SQLiteRestore: PlannedRestore {
  private let facts: DumpFacts
  private let file: SQLiteFile
  private let command: [String]
  private let exists: Bool

  private var path: String { file.path }

  init(facts: DumpFacts, path: String, command: [String], context: HookContext) throws {
    self.facts = facts
    self.command = command
    file = SQLiteFile(path)
    exists = file.exists
    guard access(file.folder, W_OK) == 0 else {
      throw RestoreError.refused(
        facts.identity, problem: "the folder \(file.folder) is missing or may not be written to",
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
    let temporary = SQLiteFile("\(path).coffer-\(String(UInt32.random(in: 0 ... .max), radix: 16))")
    // Made by us, so that nobody else can read it before it has the permissions that it is to have.
    _ = try FileDescriptor(opening: temporary.path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    do {
      let client = try ClientInput(run(["-bail", temporary.path], context), of: facts.identity, context: context)
      return SQLiteRunningRestore(
        client, temporary: temporary.path, target: file, permissions: permissions,
        check: {
          try context.launcher.run(
            run([temporary.uri("immutable=1"), "PRAGMA integrity_check"], context), seconds: 24 * 3600,
            cancellation: context.cancellation)
        },
        recheck: { if file.exists { try checkNotInUse(context) } })
    } catch {
      unlink(temporary.path)
      throw error
    }
  }

  /// Those of the file that is replaced, else those that the dumped file had; its owner only where it came from.
  private var permissions: SQLiteFile.Permissions {
    let recorded = SQLiteFile.Permissions(details: facts.details)
    if let known = file.permissions ?? (facts.details["path"] == path ? recorded : nil) { return known }
    return SQLiteFile.Permissions(mode: recorded?.mode ?? 0o600, userID: geteuid(), groupID: getegid())
  }

  private func run(_ arguments: [String], _ context: HookContext) -> ChildCommand {
    ChildCommand(
      command[0], Array(command.dropFirst()) + ["-batch", "-init", "/dev/null"] + arguments,
      environment: context.environment)
  }

  /// A process that has the database open would go on with the old file, unseen by everyone else. An exclusive lock in
  /// a write-ahead-log database also folds the log back into the file.
  private func checkNotInUse(_ context: HookContext) throws {
    if let holder = FileHolders.others(of: path).first {
      throw inUse("another process is using \(path): \(holder.program), process \(holder.process)")
    }
    // What is no database is in nobody's use as one.
    guard file.isDatabase else { return }
    let result = try context.launcher.run(
      run([path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;"], context),
      cancellation: context.cancellation)
    guard result.status.isSuccess || !result.errorLines.joined().contains("locked") else {
      throw inUse("another process is using \(path)")
    }
  }

  private func inUse(_ problem: String) -> RestoreError {
    .refused(
      facts.identity, problem: problem,
      suggestion: "Stop what uses it, or restore to another file with --restore-path")
  }
}

/// A SQLite restore on its way.
final class SQLiteRunningRestore: RunningRestore {
  private let client: ClientInput
  private let temporary: String
  private let target: SQLiteFile
  private let permissions: SQLiteFile.Permissions
  private let check: () throws -> CommandResult
  private let recheck: () throws -> Void

  private var path: String { target.path }

  init(
    _ client: ClientInput, temporary: String, target: SQLiteFile, permissions: SQLiteFile.Permissions,
    check: @escaping () throws -> CommandResult, recheck: @escaping () throws -> Void
  ) {
    self.client = client
    self.temporary = temporary
    self.target = target
    self.permissions = permissions
    self.check = check
    self.recheck = recheck
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try client.write(bytes)
  }

  func finish() throws -> [String] {
    do {
      try client.finish()
      let result = try check()
      guard result.status.isSuccess, result.text == "ok\n" else {
        throw RestoreError.refused(
          client.identity, problem: "the restored file does not pass SQLite's integrity check: \(result.text)",
          suggestion: nil)
      }
      try recheck()
      try setPermissions()
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

  private func setPermissions() throws {
    // Only root may give files away; for anyone else the file is theirs as the old one was. Before the mode, because
    // giving away takes some of its bits.
    _ = chown(temporary, permissions.userID, permissions.groupID)
    guard chmod(temporary, permissions.mode) == 0 else { throw SystemError(call: "chmod", subject: temporary) }
  }

  private func putInPlace() throws {
    let file = try FileDescriptor(opening: temporary, flags: O_RDONLY)
    guard fsync(file.number) == 0 else { throw SystemError(call: "fsync", subject: temporary) }
    // The old database's leftovers would be taken for the new one's.
    for suffix in ["-wal", "-shm", "-journal"] { unlink(path + suffix) }
    guard rename(temporary, path) == 0 else { throw SystemError(call: "rename", subject: path) }
    for suffix in ["-wal", "-shm", "-journal"] { unlink(temporary + suffix) }
    let folder = try FileDescriptor(
      opening: target.folder, flags: O_RDONLY | O_DIRECTORY)
    _ = fsync(folder.number)
  }
}
