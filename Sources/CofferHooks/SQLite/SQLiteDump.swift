import CofferConfiguration
import CofferSQLite
import CofferSystem
import Glibc

/// A dump of one SQLite database, by SQLite's library in a process of its own: SQL that builds the database anew, or a copy of
/// the file where SQL would not bring everything back.
struct SQLiteDump: PlannedDump {
  let identity: DumpIdentity
  let section: ConfigurationSection
  let path: String

  /// Bytes in a second.
  private static let slowestSearch: Double = 10_000_000

  enum Format {
    static let statements = "sql"
    static let copy = "file"
  }

  func estimatedSize(context: HookContext) throws -> UInt64? {
    try SQLitePlace.forDump(path, identity).facts.map { UInt64($0.size) }
  }

  func start(context: HookContext) throws -> any RunningDump {
    let place = try SQLitePlace.forDump(path, identity)
    guard let file = place.facts else { throw SQLitePlace.missing(path, identity) }
    let version = try SQLiteWorker.libraryVersion()
    let worker = SQLiteProcess(context)
    var context = context
    // Before it writes the first byte, it searches the whole file, or copies it.
    context.limits.stall = context.limits.stall.map { $0 + Double(file.size) / Self.slowestSearch }
    let request = SQLiteWorkerRequest(
      work: .dump, name: place.name.description, device: file.device, inode: file.inode, user: try place.user())
    let stream = try DumpStream(
      worker.command(request, descriptor: place.folder.number), of: identity, context: context)
    var facts = DumpFacts(
      identity: identity, format: Format.statements, clientVersion: version, details: ["path": path])
    facts.details.merge(file.permissions.details) { known, _ in known }
    return SQLiteRunningDump(stream, facts: facts, place: place)
  }
}

extension SQLitePlace {
  /// - Throws: `DumpError`.
  static func forDump(_ path: String, _ identity: DumpIdentity) throws -> SQLitePlace {
    do {
      return try SQLitePlace(path)
    } catch let error as UntrustedPlace {
      throw DumpError.misconfigured(
        identity, problem: "\(error.path): \(error.problem)", suggestion: error.suggestion)
    } catch let error as SystemError where error.code == ENOENT || error.code == ENOTDIR {
      throw missing(path, identity)
    } catch let error as SystemError {
      throw DumpError.misconfigured(
        identity, problem: "\(error.subject) cannot be reached: \(error.reason)",
        suggestion: "Run Coffer as a user who may read the file")
    }
  }

  static func missing(_ path: String, _ identity: DumpIdentity) -> DumpError {
    .misconfigured(identity, problem: "There is no file \(path)", suggestion: "Correct 'path', or take the entry out")
  }
}

/// This program's other process, in which a database is opened.
struct SQLiteProcess {
  private let context: HookContext

  /// What of the environment it gets: where libraries and temporary files are. Nothing else is a stranger's business.
  private static let variables = ["LD_LIBRARY_PATH", "TMPDIR"]

  /// How messages call it.
  static let title = "SQLite"

  init(_ context: HookContext) {
    self.context = context
  }

  /// Has the one begin that all others branch off.
  func prepare() { context.launcher.prepare(for: command([])) }

  private func command(_ arguments: [String]) -> ChildCommand {
    let variables = context.environment.variables.filter { Self.variables.contains($0.key) }
    var command = ChildCommand(context.ownProgram, arguments, environment: ProcessEnvironment(variables))
    command.branchesOff = true
    return command
  }

  /// - Parameter descriptor: What it inherits; must stay open until it is started.
  func command(_ request: SQLiteWorkerRequest, descriptor: Int32) -> ChildCommand {
    var command = command(request.arguments)
    command.inherited = [SQLiteWorkerRequest.descriptor: descriptor]
    command.errorLimit.bytes = SQLiteContent.lineLimit
    return command
  }
}

/// A SQLite dump on its way.
final class SQLiteRunningDump: JudgedDump, ByteSource {
  private let stream: DumpStream
  private let facts: DumpFacts
  /// Holds the folder open that the process has from it.
  private let place: SQLitePlace
  /// The exit status of the process.
  var judgement: Int32?

  init(_ stream: DumpStream, facts: DumpFacts, place: SQLitePlace) {
    self.stream = stream
    self.facts = facts
    self.place = place
  }

  var output: DumpOutput { .stream(self) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try named { try stream.read(into: buffer) }
  }

  /// Whether it is a copy of the file, known by its beginning.
  private var isCopy: Bool { stream.head.starts(with: SQLiteWorker.fileMagic) }

  func judge() throws -> Int32 {
    let found = try named { try stream.finish() }
    // The number of pages of a copy is known when it begins, and the process ends well only when all are written.
    if !isCopy { try SQLiteHook.checkEnd(stream, facts.identity) }
    return found
  }

  func outcome(_ status: Int32) -> DumpOutcome {
    var facts = facts
    facts.content = SQLiteContent(lines: stream.lastLines).map(DumpContent.init)
    if isCopy {
      facts.format = SQLiteDump.Format.copy
      facts.content?.remark = "rows were not counted: the dump is a copy of the file"
    }
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount, exitStatus: status,
      warnings: stream.warnings.map { $0.after(beginning: "warning: ") ?? $0 })
  }

  func abandon() {
    stream.abandon()
  }

  /// With what the process is to users in place of its program.
  private func named<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch DumpError.programFailed(let identity, _, let status, let lines) {
      let holders = status.code == SQLiteWorkerRequest.busyStatus ? FileHolders.others(of: place.path) : []
      throw DumpError.programFailed(
        identity, program: SQLiteProcess.title, status: status,
        lines: lines + holders.prefix(3).map { "\($0.program), process \($0.process), has it open" })
    } catch DumpError.stalled(let identity, _, let seconds) {
      throw DumpError.stalled(identity, program: SQLiteProcess.title, seconds: seconds)
    } catch DumpError.tookTooLong(let identity, _, let seconds) {
      throw DumpError.tookTooLong(identity, program: SQLiteProcess.title, seconds: seconds)
    } catch DumpError.empty(let identity, _) {
      throw DumpError.empty(identity, program: SQLiteProcess.title)
    }
  }
}
