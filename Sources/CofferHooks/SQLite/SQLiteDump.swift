import CofferConfiguration
import CofferSystem
import Foundation

/// A dump of one SQLite database: SQL that builds it anew.
struct SQLiteDump: PlannedDump {
  let identity: DumpIdentity
  let section: ConfigurationSection
  private let path: String
  private let command: [String]

  static let format = "sql"

  init(identity: DumpIdentity, section: ConfigurationSection, path: String, command: [String]) {
    self.identity = identity
    self.section = section
    self.path = path
    self.command = command
  }

  func start(context: HookContext) throws -> any RunningDump {
    // Only the plain program is certain to see the same files as this one.
    guard command != ["sqlite3"] || access(path, F_OK) == 0 else {
      throw DumpError.misconfigured(
        identity, problem: "There is no file \(path)", suggestion: "Correct 'path', or take the entry out")
    }
    let stream = try DumpStream(
      ChildCommand(
        command[0], Array(command.dropFirst()) + ["-batch", "-init", "/dev/null", uri],
        environment: context.environment, workingDirectory: context.workingDirectory, input: .pipe),
      of: identity, context: context)
    do {
      var facts = DumpFacts(
        identity: identity, format: Self.format, clientVersion: version(context), details: ["path": path])
      facts.details.merge(SQLiteFile(path).permissions?.details ?? [:]) { known, _ in known }
      return try SQLiteRunningDump(stream, facts: facts)
    } catch {
      stream.abandon()
      throw error
    }
  }

  private func version(_ context: HookContext) -> String? {
    let result = try? context.launcher.run(
      ChildCommand(command[0], Array(command.dropFirst()) + ["-version"], environment: context.environment))
    return result.flatMap { $0.text.split(separator: " ").first.map(String.init) }
  }

  /// Opened for writing where that is allowed, because a database with a hot journal or a write-ahead log needs it;
  /// never created. A file that is not here is where the command runs.
  private var uri: String {
    let mayWrite = access(path, F_OK) != 0 || access(path, W_OK) == 0
    return SQLiteFile(path).uri("mode=\(mayWrite ? "rw" : "ro")")
  }
}

/// A SQLite dump on its way: the tables are asked for first, then the dump is printed in the same transaction.
final class SQLiteRunningDump: RunningDump, ByteSource {
  private let stream: DumpStream
  private let facts: DumpFacts
  private var early: [UInt8] = []
  private var byteCount: UInt64 = 0

  init(_ stream: DumpStream, facts: DumpFacts) throws {
    self.stream = stream
    self.facts = facts
    guard let input = stream.takeInput() else { preconditionFailure("the command asks for a pipe") }
    let number = input.release()
    do {
      try Self.send(SQLiteScript.question, to: number)
      let answer = try readAnswer()
      guard let script = SQLiteScript(answer: answer) else {
        throw DumpError.incomplete(
          facts.identity, program: "sqlite3", missing: "its description of the tables is not readable")
      }
      // On a thread of its own: the script may be longer than a pipe holds, and sqlite3 prints while it reads.
      _ = try WorkerThread(name: "sqlite3-input") {
        try? Self.send(script.statements, to: number)
        close(number)
      }
    } catch {
      close(number)
      throw error
    }
  }

  var output: DumpOutput { .stream(self) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if !early.isEmpty {
      let count = min(early.count, buffer.count)
      buffer.copyBytes(from: early[..<count])
      early.removeFirst(count)
      byteCount += UInt64(count)
      return count
    }
    let count = try stream.read(into: buffer)
    byteCount += UInt64(count)
    return count
  }

  func finish() throws -> DumpOutcome {
    let status = try stream.finish()
    guard String(decoding: stream.tail, as: UTF8.self).hasSuffix(SQLiteScript.endMark + "\n") else {
      throw DumpError.incomplete(
        facts.identity, program: "sqlite3", missing: "it does not end with '\(SQLiteScript.endMark)'")
    }
    return DumpOutcome(facts: facts, bytes: byteCount, exitStatus: status)
  }

  func abandon() {
    stream.abandon()
  }

  private static func send(_ text: String, to number: Int32) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw SystemError(call: "write", subject: "sqlite3") }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads lines up to the answer's end; what follows belongs to the dump.
  private func readAnswer() throws -> [String] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let end = Array("\(SQLiteScript.answerEnd)\n".utf8)
    while true {
      let count = try piece.withUnsafeMutableBytes { try stream.read(into: $0) }
      guard count > 0 else { throw DumpError.empty(facts.identity, program: "sqlite3") }
      bytes.append(contentsOf: piece[..<count])
      guard bytes.suffix(end.count).elementsEqual(end) else { continue }
      return String(decoding: bytes.dropLast(end.count), as: UTF8.self).split(separator: "\n").map(String.init)
    }
  }
}
