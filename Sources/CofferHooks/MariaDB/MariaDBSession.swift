import CofferSystem
import Foundation

/// The client on a restore's server, for whole scripts and for questions.
struct MariaDBSession: Sendable {
  let identity: DumpIdentity
  let connection: MariaDBConnection
  /// The configuration's own arguments of the client.
  let options: [String]
  let context: HookContext

  /// `--comments` keeps the comments in routines, `--binary-mode` their line ends; the latter also keeps the client from
  /// running commands of its own that a dump might hold.
  static let arguments = [
    "--batch", "--comments", "--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
  ]
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
    try connection.withCommand(.client, options, Self.arguments, context: context) { command in
      MariaDBLoad(
        try ClientInput(command, of: identity, confirmation: Self.confirmation, context: context),
        end: "SELECT '\(Self.confirmation)';\n")
    }
  }

  /// - Throws: `RestoreError.programFailed`.
  func query(_ sql: String) throws -> [[String]] {
    let answer = try connection.query(sql, options: options, context: context)
    guard answer.status.isSuccess else { throw failure(answer.status, answer.errorLines) }
    return answer.rows
  }

  /// Runs a script that the client reads from a file: once it is started it gets to its end, whatever becomes of this
  /// program. For the same reason it is not cancelled.
  ///
  /// - Parameter goesOn: Whether errors do not stop it.
  /// - Returns: What the client said.
  /// - Throws: `RestoreError`.
  @discardableResult
  func run(_ script: [UInt8], goesOn: Bool = false) throws -> [String] {
    let path = context.runtime.path + "/script-\(MariaDBScratch.mark()).sql"
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    defer { unlink(path) }
    let end = "\nSELECT '\(Self.confirmation)';\n"
    try (script + Array(end.utf8)).withUnsafeBytes { try file.writeAll($0, subject: path) }
    let arguments = Self.arguments + (goesOn ? ["--force"] : [])
    let result = try connection.withCommand(.client, options, arguments, context: context) { command in
      var command = command
      command.input = .path(path)
      command.endsWithStarter = false
      return try context.launcher.run(command, seconds: Self.secondsForScripts)
    }
    let hasRun = result.text.hasSuffix(Self.confirmation + "\n")
    guard result.status.isSuccess || (goesOn && hasRun) else { throw failure(result.status, result.errorLines) }
    guard hasRun else { throw RestoreError.inputIgnored(identity, program: connection.program(.client)) }
    return MariaDBFailure.lines(result.errorLines)
  }

  func run(_ script: String) throws {
    _ = try run(Array(script.utf8))
  }

  private func failure(_ status: ExitStatus, _ lines: [String]) -> RestoreError {
    .programFailed(
      identity, program: connection.program(.client), status: status, lines: MariaDBFailure.lines(lines))
  }
}

/// A client that a dump is loaded by.
final class MariaDBLoad {
  private let input: ClientInput
  private let end: String
  /// What is not sent yet: statements are short, and a system call for each would be slow.
  private var buffer: [UInt8] = []

  private static let bufferSize = 1 << 16

  init(_ input: ClientInput, end: String) {
    self.input = input
    self.end = end
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

  private func flush() throws {
    try plain { try buffer.withUnsafeBytes { try input.write($0) } }
    buffer.removeAll(keepingCapacity: true)
  }

  private func plain(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch RestoreError.programFailed(let identity, let program, let status, let lines) {
      throw RestoreError.programFailed(
        identity, program: program, status: status, lines: MariaDBFailure.lines(lines))
    }
  }
}
