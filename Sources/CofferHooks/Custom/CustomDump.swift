import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// A dump by the `dump_command` of an entry.
struct CustomDump: PlannedDump {
  let server: ServerEntry
  let commands: CustomCommands

  var identity: DumpIdentity { server.identity }
  var section: ConfigurationSection { server.section }

  /// How messages call the command: the shell that runs it tells nobody anything.
  static let title = "dump_command"

  enum Format: String {
    case stream, file
  }

  var needsRoom: Bool { commands.dump.uses("output") }

  func start(context: HookContext) throws -> any RunningDump {
    let address = try server.address(context: context)
    guard commands.dump.uses("output") else {
      let shell = try shell(at: address, context: context)
      let source = CustomStream(try DumpStream(shell.command(commands.dump), of: identity, context: context))
      return try CustomRunningDump(source, of: identity, .stream, check: shell.command(commands.endCheck), context)
    }
    let folder = try context.runtime.makeFolder(identity.path)
    let path = "\(folder)/dump"
    let shell = try shell(at: address, files: ["output": path], context: context)
    let source: CustomFile
    do {
      let dump = try FolderDump(shell.command(commands.dump), into: folder, of: identity, context: context)
      let warnings = try CustomDump.named { try dump.finish() }
      source = try CustomFile(path, in: folder, of: identity, warnings: warnings)
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
    return try CustomRunningDump(source, of: identity, .file, check: shell.command(commands.endCheck), context)
  }

  private func shell(
    at address: ServerAddress, files: [String: String] = [:], context: HookContext
  ) throws(DumpError) -> CustomShell {
    do throws(CustomShell.UnfitValue) {
      return try CustomShell(identity.database, at: address, files: files, context: context)
    } catch {
      throw .misconfigured(
        identity, problem: "It cannot be dumped: \(error.problem)", suggestion: "Correct it in the configuration")
    }
  }

  /// Names the command in place of the shell.
  static func named<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch DumpError.programFailed(let identity, _, let status, let lines) {
      throw DumpError.programFailed(identity, program: title, status: status, lines: lines)
    } catch DumpError.stalled(let identity, _, let seconds) {
      throw DumpError.stalled(identity, program: title, seconds: seconds)
    } catch DumpError.tookTooLong(let identity, _, let seconds) {
      throw DumpError.tookTooLong(identity, program: title, seconds: seconds)
    } catch DumpError.empty(let identity, _) {
      throw DumpError.empty(identity, program: title)
    }
  }
}

/// Where the bytes of such a dump come from.
protocol CustomSource: ByteSource {
  /// Judges what made the bytes, when all of them were read.
  ///
  /// - Returns: Its exit status, how many bytes there were, and what was warned of.
  /// - Throws: `DumpError`.
  func finish() throws -> (status: Int32, bytes: UInt64, warnings: [String])

  /// Ends what makes the bytes, and removes what is left of it.
  func abandon()
}

/// The standard output of the command.
final class CustomStream: CustomSource {
  private let stream: DumpStream

  init(_ stream: DumpStream) {
    self.stream = stream
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try CustomDump.named { try stream.read(into: buffer) }
  }

  func finish() throws -> (status: Int32, bytes: UInt64, warnings: [String]) {
    let status = try CustomDump.named { try stream.finish() }
    return (status, stream.byteCount, stream.warnings)
  }

  func abandon() { stream.abandon() }
}

/// The file that the command has written in a folder of the run's.
final class CustomFile: CustomSource {
  private let path: String
  private let folder: String
  private let identity: DumpIdentity
  private let warnings: [String]
  private let file: FileDescriptor
  private var bytes: UInt64 = 0

  /// - Throws: `DumpError`; `SystemError`.
  init(_ path: String, in folder: String, of identity: DumpIdentity, warnings: [String]) throws {
    self.path = path
    self.folder = folder
    self.identity = identity
    self.warnings = warnings
    let noFile = DumpError.misconfigured(
      identity, problem: "dump_command has made something else than a file of {output}",
      suggestion: "Have it write one file; of a folder, tar makes one")
    do throws(SystemError) {
      // A FIFO without a writer would be waited for.
      file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch {
      switch error.code {
      case ENOENT: throw DumpError.empty(identity, program: CustomDump.title)
      case ELOOP: throw noFile
      default: throw error
      }
    }
    guard try file.status(subject: path).st_mode & S_IFMT == S_IFREG else { throw noFile }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try file.read(into: buffer, subject: path)
    bytes += UInt64(count)
    return count
  }

  func finish() throws -> (status: Int32, bytes: UInt64, warnings: [String]) {
    guard bytes > 0 else { throw DumpError.empty(identity, program: CustomDump.title) }
    try FileManager.default.removeItem(atPath: folder)
    return (0, bytes, warnings)
  }

  func abandon() { try? FileManager.default.removeItem(atPath: folder) }
}

/// Such a dump on its way: what is read goes to the check of its end, too.
final class CustomRunningDump: JudgedDump, ByteSource {
  private let source: any CustomSource
  private let check: EndCheck
  private let facts: DumpFacts
  private var hasEnded = false
  var judgement: DumpOutcome?

  /// - Parameter check: Is started at once; when it cannot be, the source is abandoned.
  init(
    _ source: any CustomSource, of identity: DumpIdentity, _ format: CustomDump.Format, check: ChildCommand,
    _ context: HookContext
  ) throws {
    self.source = source
    facts = DumpFacts(identity: identity, format: format)
    do {
      self.check = try EndCheck(check, of: identity, context: context)
    } catch {
      source.abandon()
      throw error
    }
  }

  var output: DumpOutput { .stream(self) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !hasEnded else { return 0 }
    let count = try source.read(into: buffer)
    if count == 0 { hasEnded = true }
    try check.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    return count
  }

  func judge() throws -> DumpOutcome {
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      while try read(into: buffer) > 0 {}
    }
    // What the command says of itself comes first: a dump that it gave up is not whole either.
    let (status, bytes, warnings) = try source.finish()
    try check.finish()
    return DumpOutcome(facts: facts, bytes: bytes, exitStatus: status, warnings: warnings)
  }

  func outcome(_ whole: DumpOutcome) -> DumpOutcome { whole }

  func abandon() {
    source.abandon()
    check.abandon()
  }
}
