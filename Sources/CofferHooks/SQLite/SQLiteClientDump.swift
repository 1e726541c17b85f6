import CofferConfiguration
import CofferSQLite
import CofferSystem
import Glibc

/// A dump by the configured `sqlite_command`, which may run where the file is and Coffer is not.
struct SQLiteClientDump: PlannedDump {
  let identity: DumpIdentity
  let section: ConfigurationSection
  let path: String
  let command: [String]

  func start(context: HookContext) throws -> any RunningDump {
    let place = try localPlace()
    let stream = try DumpStream(
      ChildCommand(
        command[0], Array(command.dropFirst()) + ["-safe", "-batch", "-init", "/dev/null", Self.uri(path, place)],
        environment: context.environment, workingDirectory: context.workingDirectory, input: .pipe
      )
      .installed(by: SQLiteAdvice.installations),
      of: identity, context: context)
    do {
      var facts = DumpFacts(
        identity: identity, format: SQLiteDump.Format.statements, clientVersion: version(context),
        details: ["path": path])
      facts.details.merge(place?.facts?.permissions.details ?? [:]) { known, _ in known }
      return try SQLiteRunningClientDump(stream, facts: facts, warnings: place.flatMap(warnings) ?? [])
    } catch {
      stream.abandon()
      throw error
    }
  }

  /// nil for a file that is only where the command runs.
  private func localPlace() throws -> SQLitePlace? {
    do {
      return try SQLitePlace(path)
    } catch is SystemError {
      return nil
    } catch is UntrustedPlace {
      return try SQLitePlace.forDump(path, identity)
    }
  }

  private func warnings(_ place: SQLitePlace) -> [String]? {
    guard geteuid() == 0, place.isForeign, place.facts != nil else { return nil }
    return [
      "sqlite_command runs as root, but the file is in the hands of another user: let it begin with 'runuser -u USER --', or leave it out"
    ]
  }

  private func version(_ context: HookContext) -> String? {
    let result = try? context.launcher.run(
      ChildCommand(command[0], Array(command.dropFirst()) + ["-version"], environment: context.environment)
        .installed(by: SQLiteAdvice.installations))
    return result.flatMap { $0.status.isSuccess ? $0.text.words.first : nil }
  }

  /// Opened for writing where that is allowed, because a database with a hot journal or a write-ahead log needs it;
  /// never created.
  private static func uri(_ path: String, _ place: SQLitePlace?) -> String {
    let mayWrite = place?.facts == nil || access(path, W_OK) == 0
    let escaped = path.parts(by: "/").map(Quoting.urlPart).joined(separator: "/")
    return "file:\(escaped)?mode=\(mayWrite ? "rw" : "ro")"
  }
}

/// Such a dump on its way: the schema is asked for first, then the dump is printed in the same transaction.
final class SQLiteRunningClientDump: JudgedDump, ByteSource {
  private let stream: DumpStream
  private let facts: DumpFacts
  private var warnings: [String]
  /// The exit status of the program.
  var judgement: Int32?

  private static let program = "sqlite3"

  init(_ stream: DumpStream, facts: DumpFacts, warnings: [String]) throws {
    self.stream = stream
    self.facts = facts
    self.warnings = warnings
    guard let input = stream.takeInput() else { preconditionFailure("the command asks for a pipe") }
    try Self.ask(input)
    let script = try SQLiteQuestion.script(answering: try readAnswer(), of: facts.identity)
    self.warnings += SQLiteQuestion.losses(of: script)
    try Self.send(SQLiteQuestion.statements(of: script), throughThread: input)
  }

  var output: DumpOutput { .stream(self) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try stream.read(into: buffer)
  }

  func judge() throws -> Int32 {
    let found = try stream.finish()
    try SQLiteHook.checkEnd(stream, facts.identity)
    return found
  }

  func outcome(_ status: Int32) -> DumpOutcome {
    var facts = facts
    facts.content = DumpContent(remark: "nothing was counted: sqlite_command makes the dump")
    return DumpOutcome(
      facts: facts, bytes: stream.byteCount - answerLength, exitStatus: status, warnings: warnings + stream.warnings)
  }

  func abandon() {
    stream.abandon()
  }

  /// A program that has ended tells by its output and its end why.
  private static func ask(_ input: borrowing FileDescriptor) throws {
    do { try send(Array(SQLiteQuestion.text.utf8), to: input) } catch let error as SystemError
      where error.code == EPIPE
    {}
  }

  /// The script may be longer than a pipe holds, and sqlite3 prints while it reads.
  private static func send(_ script: [UInt8], throughThread input: consuming FileDescriptor) throws(SystemError) {
    let number = input.release()
    do throws(SystemError) {
      _ = try WorkerThread(name: "sqlite3-input") {
        // What cannot be sent is missing at the dump's end, which is looked at.
        try? send(script, to: FileDescriptor(owning: number))
      }
    } catch {
      _ = FileDescriptor(owning: number)
      throw error
    }
  }

  private static func send(_ text: [UInt8], to input: borrowing FileDescriptor) throws {
    let number = input.number
    try text.withUnsafeBytes { try FileDescriptor.writeAll($0, to: number, subject: program) }
  }

  private var answerLength: UInt64 = 0

  /// An answer's most bytes.
  private static let answerLimit = 256 << 20

  /// Reads lines up to the answer's end; the dump begins only when it is asked for.
  private func readAnswer() throws -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let end = Array("\(SQLiteQuestion.end)\n".utf8)
    while true {
      let count = try piece.withUnsafeMutableBytes { try stream.read(into: $0) }
      guard count > 0 else { throw DumpError.empty(facts.identity, program: Self.program) }
      bytes.append(contentsOf: piece[..<count])
      guard bytes.count <= Self.answerLimit else { throw SQLiteQuestion.unreadable(facts.identity) }
      guard bytes.suffix(end.count).elementsEqual(end) else { continue }
      answerLength = stream.byteCount
      return bytes.dropLast(end.count)
    }
  }
}
