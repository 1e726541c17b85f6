import CofferSystem
import Glibc

/// A psql that stays, and is asked one thing after the other: in one session, or in one database after the other.
///
/// Who has it is the only one to use it: lanes hand it on by way of `PostgreSQLConversations`' lock.
final class PostgreSQLConversation: @unchecked Sendable {
  /// The session is gone: after a failure, nothing more is asked.
  struct Ended: DiagnosableError {
    let lines: [String]
    /// psql's; nil where it is not known.
    var status: ExitStatus?

    init(lines: [String], status: ExitStatus? = nil) {
      self.lines = lines
      self.status = status
    }

    /// - Parameter result: Of a psql that was started for one question.
    init(_ result: CommandResult) {
      self.init(lines: result.errorLines, status: result.status)
    }

    /// Whether psql was content to end: it was given nothing to read.
    var isContent: Bool { status?.isSuccess == true }

    /// Whether the server was lost, or not reached, or psql was killed: another time there may be an answer.
    var isLost: Bool { PostgreSQLFailure.isLost(status, lines) }

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "psql",
        problem: lines.isEmpty ? "The session ended without a word" : PostgreSQLFailure.telling(lines),
        suggestion: nil)
    }
  }

  private let child: ChildProcess
  private var context: HookContext
  private var input: FileDescriptor?
  private let output: FileDescriptor
  /// What nobody else can say: it ends an answer.
  private let sign = "coffer-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
  private(set) var isOpen = true

  /// Seconds until a session in another database is there.
  private static let patience: Double = 30

  /// - Throws: `LaunchError`.
  init(_ database: String, _ connection: PostgreSQLConnection, _ context: HookContext) throws {
    self.context = context
    var command = PostgreSQLSession(database, connection, context).command([.end, .input])
    command.input = .pipe
    command.output = .pipe
    child = try context.launcher.launch(command)
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    self.output = output
    input = child.takeInput()
  }

  deinit {
    close()
  }

  /// Ends the session, and begins one in another database of the server, for which another psql would have to be started.
  ///
  /// - Parameter connection: To the same server as the same user, by the same psql.
  /// - Throws: `Ended`, also where psql cannot be told; `CommandTimedOut`; `RunCancelled`; `SystemError`.
  func move(to database: String, _ connection: PostgreSQLConnection, _ context: HookContext) throws {
    self.context = context
    guard isOpen, let words = PostgreSQLSession(database, connection, context).moving else {
      close()
      throw Ended(lines: [])
    }
    _ = try exchange(words, columns: 0, seconds: Self.patience)
  }

  /// - Parameter columns: How many the answer has.
  /// - Throws: `Ended`; `CommandTimedOut`; `RunCancelled`; `SystemError`. The session is then closed.
  func ask(_ question: PostgreSQLStatement, columns: Int, seconds: Double) throws -> [PostgreSQLAnswer.Row] {
    try exchange(question.bytes + ";\n".utf8, columns: columns, seconds: seconds)
  }

  private func exchange(_ words: [UInt8], columns: Int, seconds: Double) throws -> [PostgreSQLAnswer.Row] {
    guard isOpen else { throw Ended(lines: []) }
    let deadline = context.clock.steadySeconds() + seconds
    do {
      try say(words + "\\echo \(sign)\n".utf8)
      guard let text = try answer(by: deadline), let answer = PostgreSQLAnswer(text, columns: columns) else {
        guard context.clock.steadySeconds() < deadline else { throw CommandTimedOut(program: "psql", seconds: seconds) }
        throw ending
      }
      return answer.rows
    } catch let error as SystemError where error.code == EPIPE {
      throw ending
    } catch {
      // What was asked may be answered yet: nobody may take that for the answer to something else.
      close()
      throw error
    }
  }

  private var ending: Ended {
    close()
    return Ended(lines: child.lastErrorLines, status: child.wait(seconds: 0))
  }

  private func say(_ text: [UInt8]) throws {
    guard let number = input?.number else { throw Ended(lines: []) }
    try text.withUnsafeBytes { try FileDescriptor.writeAll($0, to: number, subject: "psql") }
  }

  /// - Returns: nil when the session ended, or said too much, or nothing in time.
  private func answer(by deadline: Double) throws -> [UInt8]? {
    let reader = PolledReader(output.number, cancellation: context.cancellation)
    let end = Array((sign + "\n").utf8)
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while text.count < PostgreSQLAnswer.limit {
      let left = deadline - context.clock.steadySeconds()
      let outcome = try piece.withUnsafeMutableBytes { try reader.read(into: $0, seconds: left, subject: "psql") }
      guard case .bytes(let count) = outcome else { return nil }
      text += piece[..<count]
      if text.suffix(end.count).elementsEqual(end) { return Array(text.dropLast(end.count)) }
    }
    return nil
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    input = nil
    // At the end of its input it ends the session by itself.
    if child.wait(seconds: 1) == nil { child.terminate() }
  }
}
