import CofferSystem
import Glibc

/// A psql that stays, in one session, and is asked one thing after the other.
final class PostgreSQLConversation {
  /// The session is gone: after a failure, nothing more is asked.
  struct Ended: DiagnosableError {
    let lines: [String]

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "psql",
        problem: lines.isEmpty ? "The session ended without a word" : PostgreSQLFailure.telling(lines),
        suggestion: nil)
    }
  }

  private let child: ChildProcess
  private let context: HookContext
  private var input: FileDescriptor?
  private let output: FileDescriptor
  /// What nobody else can say: it ends an answer.
  private let sign = "coffer-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
  private var isOpen = true

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

  /// - Parameter columns: How many the answer has.
  /// - Throws: `Ended`; `RunCancelled`; `SystemError`.
  func ask(_ question: PostgreSQLStatement, columns: Int, seconds: Double) throws -> [PostgreSQLAnswer.Row] {
    guard isOpen else { throw Ended(lines: []) }
    do {
      try say(question.bytes + ";\n\\echo \(sign)\n".utf8)
      guard let text = try answer(within: seconds),
        let answer = PostgreSQLAnswer(text, columns: columns)
      else { throw Ended(lines: lastWords) }
      return answer.rows
    } catch let error as SystemError where error.code == EPIPE {
      throw Ended(lines: lastWords)
    }
  }

  private var lastWords: [String] {
    close()
    return child.lastErrorLines
  }

  private func say(_ text: [UInt8]) throws {
    guard let number = input?.number else { throw Ended(lines: []) }
    try text.withUnsafeBytes { try FileDescriptor.writeAll($0, to: number, subject: "psql") }
  }

  /// - Returns: nil when the session ended, or said too much, or nothing in time.
  private func answer(within seconds: Double) throws -> [UInt8]? {
    let reader = PolledReader(output.number, cancellation: context.cancellation)
    let deadline = context.clock.steadySeconds() + seconds
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
