import CofferSQLite
import CofferSystem
import Glibc

/// The restore of one SQLite database: built beside the target, checked, then renamed over it.
///
/// The file is made and renamed from the open folder, and built by a process that has nothing but the file itself and the
/// rights of its future owner: what is in the dump, and who else can write to the folder, can turn it against nobody else.
struct SQLiteRestore: PlannedRestore {
  private let facts: DumpFacts
  private let place: SQLitePlace
  private let permissions: SQLitePermissions
  /// The configured program; nil for the library.
  private let command: [String]?
  /// Waits until the new name is on the disk.
  var synchronize: @Sendable (SQLitePlace) throws(SystemError) -> Void = { (place) throws(SystemError) in
    try place.synchronizeFolder()
  }

  /// - Parameter path: Absolute.
  /// - Throws: `RestoreError`.
  init(facts: DumpFacts, path: String, command: [String]?, context: HookContext) throws {
    self.facts = facts
    // A copy of a file is no script that a program could run.
    self.command = facts.format.isSame(as: SQLiteDump.Format.copy) ? nil : command
    place = try Self.place(path, facts.identity)
    permissions = Self.permissions(facts, place, path)
    guard place.isWritable else {
      throw refused(
        "the folder \(place.folder.path) may not be written to",
        "Run Coffer as a user who may, or name another file with --restore-path")
    }
    guard !place.isMountPoint else {
      throw refused(
        "\(place.path) is mounted there by itself (a bind mount, as containers have them), and cannot be replaced",
        "Restore to another file with --restore-path, or where the file itself is")
    }
    if let command = self.command { try check(command, context) }
    if place.facts != nil { try checkNotInUse(context) }
  }

  var summary: String {
    "\(facts.identity.title) -> \(Quoting.terminal(place.path)) (\(outcome))"
  }

  private var outcome: String {
    switch place.facts?.nameCount {
    case nil: "a new file"
    case 1?: "the file is replaced"
    case let count?:
      "the file is replaced; its \(count == 2 ? "other name" : "\(count - 1) other names"), hard links elsewhere, keep the old database"
    }
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    SQLiteLeftOvers(place, owners: [geteuid(), permissions.userID]).remove(at: context.clock.now())
    // Nobody else can read it before it has the permissions that it is to have.
    let file = try TemporaryFile(in: place.folder, for: place.name)
    // Only root may give files away; for anyone else the file is theirs as the old one was.
    if geteuid() == 0, fchown(file.file.number, permissions.userID, permissions.groupID) != 0 {
      throw SystemError(call: "chown", subject: place.path)
    }
    return SQLiteRunningRestore(
      try client(file, context), of: facts.identity, file: file, place: place, mode: permissions.mode,
      check: command == nil ? {} : { try check(file, context) },
      recheck: { if place.facts != nil { try checkNotInUse(context) } }, synchronize: synchronize)
  }

  private func client(_ file: TemporaryFile, _ context: HookContext) throws -> ClientInput {
    guard let command else {
      return try ClientInput(
        SQLiteProcess(context).command(try request(.load), descriptor: file.file.number), of: facts.identity,
        confirmation: SQLiteWorkerRequest.confirmation, context: context)
    }
    return try ClientInput(
      ChildCommand(
        command[0],
        command.dropFirst() + ["-safe", "-bail", "-batch", "-init", "/dev/null", place.folder.path(of: file.name)],
        environment: context.environment
      )
      .installed(by: SQLiteAdvice.installations), of: facts.identity, context: context)
  }

  /// Of root's databases, too, nothing is executed with root's rights.
  private func request(_ work: SQLiteWorkerRequest.Work) throws(SystemError) -> SQLiteWorkerRequest {
    var user: SQLiteWorkerRequest.User?
    if geteuid() == 0 { user = permissions.userID == 0 ? UserGroups.nobody : try UserGroups.user(permissions.userID) }
    return SQLiteWorkerRequest(work: work, name: place.name.description, device: 0, inode: 0, user: user)
  }

  /// Checks a file that a configured program has built.
  private func check(_ file: TemporaryFile, _ context: HookContext) throws {
    let result = try context.launcher.run(
      SQLiteProcess(context).command(try request(.check), descriptor: file.file.number), seconds: 24 * 3600,
      cancellation: context.cancellation)
    guard result.status.isSuccess else {
      throw RestoreError.programFailed(
        facts.identity, program: SQLiteProcess.title, status: result.status, lines: result.errorLines)
    }
  }

  // MARK: - Before anything is touched

  static func place(_ path: String, _ identity: DumpIdentity) throws -> SQLitePlace {
    do {
      return try SQLitePlace(path)
    } catch let error as UntrustedPlace {
      throw RestoreError.refused(identity, problem: "\(error.path): \(error.problem)", suggestion: error.suggestion)
    } catch let error as SystemError {
      throw RestoreError.refused(
        identity, problem: "the folder of \(path) cannot be opened: \(error.reason)",
        suggestion: "Make the folder, or name another file with --restore-path")
    }
  }

  /// Those of the file that is replaced, else those that the dumped file had; its owner only where it came from.
  private static func permissions(_ facts: DumpFacts, _ place: SQLitePlace, _ path: String) -> SQLitePermissions {
    if let known = place.facts?.permissions { return known }
    let recorded = SQLitePermissions(details: facts.details)
    let cameFromHere = facts.details["path"].map { $0.isSame(as: path) || $0.isSame(as: place.path) } ?? false
    if let recorded, cameFromHere { return recorded }
    return SQLitePermissions(mode: recorded?.mode ?? 0o600, userID: geteuid(), groupID: getegid())
  }

  private func check(_ command: [String], _ context: HookContext) throws {
    // By its path, the program could be led to another file.
    guard geteuid() != 0 || !place.isOpenToOthers else {
      throw refused(
        "sqlite_restore_command would run as root in \(place.folder.path), where others can put another file in its place",
        "Leave out sqlite_restore_command, or restore as the folder's owner")
    }
    let version = try context.launcher.run(
      ChildCommand(command[0], Array(command.dropFirst()) + ["-version"], environment: context.environment)
        .installed(by: SQLiteAdvice.installations))
    guard version.status.isSuccess else {
      throw refused(
        ClientFailure.problem(command[0], version.status, version.errorLines),
        "Correct sqlite_restore_command, or leave it out")
    }
  }

  /// A process that has the database open would go on with the old file, unseen by everyone else. An exclusive lock in
  /// a write-ahead-log database also folds the log back into the file.
  private func checkNotInUse(_ context: HookContext) throws {
    if let holder = FileHolders.others(of: place.path).first {
      throw inUse(": \(holder.program), process \(holder.process)")
    }
    // What is no database is in nobody's use as one.
    guard let file = place.facts, try place.holdsDatabase() else { return }
    let request = SQLiteWorkerRequest(
      work: .probe, name: place.name.description, device: file.device, inode: file.inode, user: try place.user(),
      busySeconds: 1)
    let result = try context.launcher.run(
      SQLiteProcess(context).command(request, descriptor: place.folder.number), cancellation: context.cancellation)
    guard result.status.code != SQLiteWorkerRequest.busyStatus else { throw inUse("") }
  }

  private func inUse(_ holder: String) -> RestoreError {
    refused(
      "another process is using \(place.path)\(holder)",
      "Stop what uses it, or restore to another file with --restore-path")
  }

  private func refused(_ problem: String, _ suggestion: String?) -> RestoreError {
    .refused(facts.identity, problem: problem, suggestion: suggestion)
  }
}

/// A SQLite restore on its way.
final class SQLiteRunningRestore: RunningRestore {
  private let client: ClientInput
  private let identity: DumpIdentity
  private var file: TemporaryFile?
  private let place: SQLitePlace
  private let mode: mode_t
  private let check: () throws -> Void
  private let recheck: () throws -> Void
  private let synchronize: (SQLitePlace) throws(SystemError) -> Void

  init(
    _ client: ClientInput, of identity: DumpIdentity, file: TemporaryFile, place: SQLitePlace, mode: mode_t,
    check: @escaping () throws -> Void, recheck: @escaping () throws -> Void,
    synchronize: @escaping (SQLitePlace) throws(SystemError) -> Void
  ) {
    self.client = client
    self.identity = identity
    self.file = file
    self.place = place
    self.mode = mode
    self.check = check
    self.recheck = recheck
    self.synchronize = synchronize
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try Self.named { try client.write(bytes) }
  }

  func finish() throws -> [String] {
    do {
      try Self.named { try client.finish() }
      try check()
      try recheck()
      return try putInPlace()
    } catch {
      abandon()
      throw error
    }
  }

  func abandon() {
    client.abandon()
    if let file {
      for name in Self.companions(of: file.name) { try? place.folder.remove(name) }
    }
    file = nil
  }

  /// - Returns: What is to be warned of.
  private func putInPlace() throws -> [String] {
    guard let file else { return [] }
    guard fchmod(file.file.number, mode) == 0 else { throw SystemError(call: "chmod", subject: place.path) }
    guard fsync(file.file.number) == 0 else { throw SystemError(call: "fsync", subject: place.path) }
    let aside = try companionsPutAside()
    do {
      try file.publish(as: place.name)
    } catch {
      for (name, other) in aside { try place.folder.rename(other, to: name) }
      throw error
    }
    self.file = nil
    // From here on the new database is what everybody finds.
    let left = aside.compactMap { _, other -> String? in
      do throws(SystemError) {
        try place.folder.remove(other)
        return nil
      } catch {
        let path = Quoting.terminal(place.folder.path(of: other))
        return "\(path) is of the database that was replaced, and cannot be removed: \(error.reason)"
      }
    }
    do throws(SystemError) { try synchronize(place) } catch {
      throw RestoreError.notLasting(identity, problem: "\(error.call) of \(error.subject) failed: \(error.reason)")
    }
    return left
  }

  /// The old database's journal and log would be taken for the new one's; but as long as it has its name, it is whole only
  /// with them.
  private func companionsPutAside() throws(SystemError) -> [(name: EntryName, other: EntryName)] {
    var aside: [(name: EntryName, other: EntryName)] = []
    for name in Self.companions(of: place.name) {
      let other = Folder.temporaryName(for: name)
      do throws(SystemError) {
        try place.folder.rename(name, to: other)
        aside.append((name, other))
      } catch {
        guard error.code == ENOENT else {
          for (name, other) in aside { try place.folder.rename(other, to: name) }
          throw error
        }
      }
    }
    return aside
  }

  private static func companions(of name: EntryName) -> [EntryName] {
    ["-wal", "-shm", "-journal"].map { EntryName(bytes: name.bytes + Array($0.utf8)) }
  }

  static func named<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch RestoreError.programFailed(let identity, _, let status, let lines) {
      throw RestoreError.programFailed(identity, program: SQLiteProcess.title, status: status, lines: lines)
    }
  }
}
