import CofferSystem
import Glibc

/// The client on a restore's server, for whole scripts and for questions.
struct MariaDBSession: Sendable {
  let identity: DumpIdentity
  let connection: MariaDBConnection
  /// The configuration's own arguments of the client.
  let options: [String]
  let context: HookContext

  /// What a session needs besides, so that it takes what servers hold: rows that violate a CHECK that came later, tables
  /// that were made in a looser mode; and so that a default of the server or the user does not stand in the way.
  private static let preamble =
    MariaDBConnection.sessionSettings + """
      SET SESSION TRANSACTION READ WRITE;
      /*M!100201 SET SESSION check_constraint_checks = 0 */;
      /*M!100000 SET SESSION innodb_strict_mode = 0 */;

      """
  private static let confirmation = "coffer-ran-all"
  private static let secondsForScripts: Double = 24 * 3600

  /// The same for what must not be left half done when the run is cancelled.
  func unstoppable() throws -> MariaDBSession {
    let context = HookContext(
      launcher: context.launcher, environment: context.environment, clock: context.clock,
      cancellation: try Cancellation(), runtime: context.runtime, limits: context.limits,
      workingDirectory: context.workingDirectory, credentials: context.credentials)
    return MariaDBSession(identity: identity, connection: connection, options: options, context: context)
  }

  /// Starts the client with a script to come; it must confirm that it got to the end.
  func input() throws -> MariaDBLoad {
    try connection.withCommand(.client, options, MariaDBConnection.clientForm, context: context) { command in
      MariaDBLoad(
        try ClientInput(command, of: identity, confirmation: Self.confirmation, context: context),
        begin: Self.preamble, end: "SELECT '\(Self.confirmation)';\n", place: connection.place)
    }
  }

  /// - Parameter fields: How many each row must have.
  /// - Throws: `RestoreError`.
  func query(_ sql: String, _ fields: Int) throws -> [[String]] {
    let answer = try connection.query(sql, options: options, context: context)
    guard answer.status.isSuccess else { throw failure(answer.status, answer.errorLines) }
    return try checked { () throws(MariaDBAnswer.Odd) in try answer.rows(of: fields) }
  }

  /// Says of an answer that cannot be understood whose it is.
  func checked<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch is MariaDBAnswer.Odd {
      throw RestoreError.refused(
        identity, problem: "\(connection.program(.client)) gave an answer that cannot be understood",
        suggestion: "See whether an option file changes what it prints")
    }
  }

  /// What a script of statements that may fail one by one came to.
  struct Complaint: Sendable {
    /// The statement; nil when the client did not say.
    let statement: MariaDBStatement?
    let message: String
  }

  /// Runs a script that the client reads from a file: once it is started it gets to its end, whatever becomes of this
  /// program. For the same reason it is not cancelled. It stops at the first error.
  ///
  /// - Throws: `RestoreError`.
  func run(_ script: SealedScript) throws {
    let result = try runToEnd(script, goesOn: false)
    guard result.status.isSuccess else { throw failure(result.status, result.errorLines) }
    guard hasConfirmed(result) else {
      throw RestoreError.inputIgnored(identity, program: connection.program(.client))
    }
  }

  /// Runs a script of sealed statements, each of which stands for itself: an error in one does not keep the next from
  /// being run.
  ///
  /// - Throws: `RestoreError`.
  func runEach(_ script: SealedScript) throws -> [Complaint] {
    let result = try runToEnd(script, goesOn: true)
    guard hasConfirmed(result) else { throw failure(result.status, result.errorLines) }
    let first = Self.preamble.utf8.count { $0 == UInt8(ascii: "\n") }
    return result.errorLines.filter { $0.begins(with: "ERROR ") }.map { line in
      let number = line.firstMatch(of: /at line (\d+)/).flatMap { Int($0.1) }
      let index = (number ?? 0) - first - 1
      return Complaint(
        statement: script.lines.indices.contains(index) ? script.lines[index] : nil, message: line)
    }
  }

  private func runToEnd(_ script: SealedScript, goesOn: Bool) throws -> CommandResult {
    let path = context.runtime.path + "/script-\(MariaDBScratch.mark()).sql"
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    defer { unlink(path) }
    let end = "\nSELECT '\(Self.confirmation)';\n"
    try (Array(Self.preamble.utf8) + script.bytes + Array(end.utf8)).withUnsafeBytes {
      try file.writeAll($0, subject: path)
    }
    let arguments = MariaDBConnection.clientForm + (goesOn ? ["--force"] : [])
    return try connection.withCommand(.client, options, arguments, context: context) { command in
      var command = command
      command.input = .path(path)
      command.endsWithStarter = false
      return try context.launcher.run(command, seconds: Self.secondsForScripts)
    }
  }

  private func hasConfirmed(_ result: CommandResult) -> Bool { result.text.ends(with: Self.confirmation + "\n") }

  private func failure(_ status: ExitStatus, _ lines: [String]) -> RestoreError {
    .programFailed(
      identity, program: connection.program(.client), status: status,
      lines: MariaDBFailure.lines(lines, place: connection.place))
  }
}

/// A client that a dump is loaded by.
final class MariaDBLoad {
  private let input: ClientInput
  private let end: String
  private let place: String
  /// What is not sent yet: statements are short, and a system call for each would be slow.
  private var buffer: [UInt8]

  private static let bufferSize = 1 << 16

  init(_ input: ClientInput, begin: String, end: String, place: String) {
    self.input = input
    self.end = end
    self.place = place
    buffer = Array(begin.utf8)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count > Self.bufferSize {
      try plain { try input.write(bytes) }
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// - Throws: `RestoreError`; `RunCancelled`.
  func finish() throws {
    buffer.append(contentsOf: end.utf8)
    try flush()
    try plain { try input.finish() }
  }

  func abandon() {
    input.abandon()
  }

  /// - Throws: `RestoreError`; `RunCancelled`.
  func flush() throws {
    try plain { try buffer.withUnsafeBytes { try input.write($0) } }
    buffer.removeAll(keepingCapacity: true)
  }

  private func plain(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch RestoreError.programFailed(let identity, let program, let status, let lines) {
      throw RestoreError.programFailed(
        identity, program: program, status: status, lines: MariaDBFailure.lines(lines, place: place))
    }
  }
}
