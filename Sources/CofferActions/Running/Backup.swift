import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Foundation

/// One backup into one repository.
struct Backup {
  private let context: ActionContext
  private let access: OpenRepository
  private let lists: Bool
  private let hooks: HookContext
  private let dumps: [any PlannedDump]

  /// Works out what is to be backed up; nothing is started yet.
  init(_ context: ActionContext, access: OpenRepository, lists: Bool) throws {
    self.context = context
    self.access = access
    self.lists = lists
    hooks = try context.hookContext()
    dumps = try Self.plannedDumps(context, hooks)
    guard !dumps.isEmpty || !(context.root[GeneralOptions.sourceDirectories] ?? []).isEmpty else {
      throw UsageError(
        argument: context.configuration?.path ?? "configuration", problem: "There is nothing to back up",
        suggestion: "List databases (postgresql_databases, sqlite_databases) or source_directories")
    }
  }

  /// Asks every hook for the dumps that the configuration wants.
  ///
  /// - Throws: `DumpError.duplicate` when two would take the same place in the archive.
  static func plannedDumps(_ context: ActionContext, _ hooks: HookContext) throws -> [any PlannedDump] {
    let dumps = try HookRegistry.hooks.flatMap { try $0.dumps(of: context.root, context: hooks) }
    var seen: Set<String> = []
    for dump in dumps where !seen.insert(dump.identity.path).inserted {
      throw DumpError.duplicate(dump.identity)
    }
    return dumps
  }

  /// Stores everything and commits.
  func run(comment: String) throws -> Archive {
    let start = context.surroundings.clock.now()
    let hostname = context.root[RunOptions.archiveHostname] ?? context.surroundings.hostname
    let username = context.root[RunOptions.archiveUsername] ?? context.surroundings.username
    let name = ArchiveName(
      hostname: hostname, username: username,
      processID: ProcessInfo.processInfo.processIdentifier, now: start
    ).expand(context.root[GeneralOptions.archiveNameFormat] ?? ArchiveName.standardFormat)
    guard try !access.repository.archives().contains(where: { $0.name == name }) else {
      throw RepositoryError.archiveExists(name, location: access.location.path)
    }
    let session = try access.repository.beginSession(
      options: try sessionOptions(), cancellation: context.cancellation)
    let display = ProgressDisplay(
      session: session, console: context.console, clock: context.surroundings.clock,
      isForced: context.flags.contains(SharedFlags.progress) || context.root[OutputOptions.progress] ?? false,
      isQuiet: context.wantsJSON)
    defer { display.stop() }
    do {
      for dump in dumps { try store(dump, in: session, display) }
      for path in context.root[GeneralOptions.sourceDirectories] ?? [] {
        display.subject = path
        try storeFiles(path, in: session)
      }
      try storeConfiguration(in: session)
      display.subject = "finishing"
      return try session.commit(
        ArchiveDraft(
          name: name, hostname: hostname, username: username,
          commandLine: context.commandLine, comment: comment, start: start))
    } catch {
      session.abandon()
      throw error
    }
  }

  private func sessionOptions() throws -> SessionOptions {
    guard let text = context.root[GeneralOptions.compression] else { return SessionOptions() }
    let parts = text.split(separator: ",").map(String.init)
    if parts.first == "zstd", parts.count == 1 { return SessionOptions() }
    guard parts.count == 2, parts[0] == "zstd", let level = Int(parts[1]), (1...19).contains(level) else {
      throw UsageError(
        argument: "compression: \(text)", problem: "Blocks are compressed by zstd only",
        suggestion: "Write 'zstd,LEVEL' with a level from 1 to 19")
    }
    return SessionOptions(compressionLevel: level)
  }

  // MARK: - Databases

  private func store(_ dump: any PlannedDump, in session: BackupSession, _ display: ProgressDisplay) throws {
    display.subject = dump.identity.title
    context.console.step("Dumping \(dump.identity.title)")
    let start = context.surroundings.clock.now()
    let running = try dump.start(context: hooks)
    do {
      switch running.output {
      case .stream(let source):
        let stream = try session.store(source)
        let record = record(of: try running.finish(), bytes: stream.size, start: start)
        add(ownItem("coffer/\(dump.identity.path)", stream, at: start, dump: record), to: session)
      case .folder(let folder): try storeFolder(folder, of: dump, running, start, in: session)
      }
    } catch {
      running.abandon()
      throw error
    }
  }

  private func storeFolder(
    _ folder: String, of dump: any PlannedDump, _ running: any RunningDump, _ start: Date, in session: BackupSession
  ) throws {
    var items: [ArchiveItem] = []
    try FileWalker.walk(folder) { event in
      guard case .item(let found) = event else {
        throw SystemError(call: "read", subject: folder, code: EIO)
      }
      let rest = found.path.dropFirst(folder.utf8.count)
      let isFile = found.facts.st_mode & S_IFMT == S_IFREG
      let stream = isFile ? try session.store(try FileSource(found.path)) : nil
      items.append(
        found.item(at: ItemPath(bytes: Array("coffer/\(dump.identity.path)".utf8) + rest), stream: stream))
    }
    let bytes = items.reduce(0) { $0 + $1.size }
    items[0].dump = record(of: try running.finish(), bytes: bytes, start: start)
    for item in items { add(item, to: session) }
    running.abandon()
  }

  private func record(of outcome: DumpOutcome, bytes: UInt64, start: Date) -> DumpRecord {
    let facts = outcome.facts
    for warning in outcome.warnings { context.console.warning("\(facts.identity.title): \(warning)") }
    return DumpRecord(
      hook: facts.identity.hook, database: facts.identity.database, hostname: facts.identity.hostname,
      port: facts.identity.port, container: facts.identity.container, label: facts.identity.label, format: facts.format,
      clientVersion: facts.clientVersion, serverVersion: facts.serverVersion, details: facts.details,
      bytes: bytes, start: start, end: context.surroundings.clock.now(), exitStatus: outcome.exitStatus)
  }

  // MARK: - Files

  private func storeFiles(_ path: String, in session: BackupSession) throws {
    var failures: [any Error] = []
    try FileWalker.walk(absolute(path)) { event in
      switch event {
      case .special(let path): context.console.step("\(path): Not a file, folder or link; left out")
      case .failed(let error): failures.append(error)
      case .item(let found):
        try context.cancellation.check()
        var stream: StreamReference?
        if found.facts.st_mode & S_IFMT == S_IFREG {
          do {
            stream = try session.store(try FileSource(found.path))
          } catch let error as SystemError {
            // Of the file; errors of the repository are of other types and end the run.
            return failures.append(error)
          }
        }
        let inside = ItemPath(bytes: Array(found.path.drop { $0 == UInt8(ascii: "/") }))
        if !inside.bytes.isEmpty { add(found.item(at: inside, stream: stream), to: session) }
      }
    }
    // A file that could not be read is a backup that is not whole.
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  private func storeConfiguration(in session: BackupSession) throws {
    let options = context.root[GeneralOptions.bootstrap]
    guard options?[BootstrapOptions.storeConfigFiles] ?? true else { return }
    let paths = context.configurationFiles.flatMap { Self.followingLinks(absolute($0)) }
    for path in paths { try storeFiles(path, in: session) }
    let manifest = JSONValue.object([
      "coffer_version": .text(Program.version),
      "config_paths": .list(paths.map { .text($0) }),
    ])
    let stream = try session.store(MemorySource(Array(manifest.rendered.utf8)))
    add(ownItem(BootstrapManifest.path, stream, at: context.surroundings.clock.now()), to: session)
  }

  /// An item that is no file of this machine: readable by the user who runs this only.
  private func ownItem(
    _ path: String, _ stream: StreamReference, at time: Date, dump: DumpRecord? = nil
  ) -> ArchiveItem {
    ArchiveItem(
      path: ItemPath(path), content: .file(stream), mode: 0o600, userID: getuid(), groupID: getgid(),
      user: OwnerNames.user(getuid()), group: OwnerNames.group(getgid()),
      modified: Int64(time.timeIntervalSince1970 * 1e9), dump: dump)
  }

  private static let linkLimit = 10

  /// A file's path and, when it is a link, those of what it leads to.
  private static func followingLinks(_ path: String) -> [String] {
    var paths = [path]
    while paths.count <= linkLimit, let last = paths.last,
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: last)
    {
      paths.append(target.hasPrefix("/") ? target : (last as NSString).deletingLastPathComponent + "/" + target)
    }
    return paths
  }

  /// The path from the root on, without empty and `.` parts.
  private func absolute(_ path: String) -> String {
    var full = path
    if path.hasPrefix("~/"), let home = context.surroundings.environment["HOME"] {
      full = home + path.dropFirst()
    } else if !path.hasPrefix("/") {
      full = (context.root[GeneralOptions.workingDirectory] ?? context.surroundings.currentFolder) + "/" + path
    }
    return "/" + full.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  private func add(_ item: ArchiveItem, to session: BackupSession) {
    session.add(item)
    if lists { context.console.answer(item.path.text) }
  }
}
