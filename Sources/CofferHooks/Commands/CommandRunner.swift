import CofferSystem
import Glibc

/// Runs configured commands.
public struct CommandRunner: Sendable {
  /// Takes a line that a command printed, with the moment it ran at.
  public typealias Output = @Sendable (StepCommand.Moment, String) -> Void

  private let launcher: any ProcessLauncher
  private let environment: ProcessEnvironment
  private let workingDirectory: String?
  private let umask: Int?
  private let tell: Output
  private let warn: @Sendable (String) -> Void

  /// - Parameter umask: As written in decimal, meant in octal: 77 for 0077.
  public init(
    launcher: any ProcessLauncher, environment: ProcessEnvironment, workingDirectory: String?, umask: Int?,
    tell: @escaping Output, warn: @escaping @Sendable (String) -> Void
  ) {
    self.launcher = launcher
    self.environment = environment.withoutPassphrases
    self.workingDirectory = workingDirectory
    self.umask = umask
    self.tell = tell
    self.warn = warn
  }

  /// Runs a command's lines one after the other, up to the first that fails.
  ///
  /// - Throws: `StepCommandError`; `LaunchError`; `RunCancelled`.
  public func run(_ command: StepCommand, variables: CommandVariables, cancellation: Cancellation?) throws {
    for line in command.lines {
      let template = CommandTemplate(line, variables: variables)
      for name in template.unknown {
        warn(
          "command \(command.moment.title): Nothing is known as {\(name)} there; write \\{\(name)\\} if it is meant so")
      }
      let child = try launcher.launch(shell(template.line, variables))
      defer { child.terminate() }
      let tail = try follow(child, command.moment, cancellation)
      guard let status = child.wait(cancellation: cancellation) else { throw RunCancelled() }
      guard status.isSuccess else {
        throw StepCommandError(moment: command.moment, line: line, status: status, output: tail)
      }
    }
  }

  private func shell(_ line: String, _ variables: CommandVariables) -> ChildCommand {
    let mask = umask.map { "umask \($0) && " } ?? ""
    var environment = environment
    environment.variables.merge(variables.environment) { _, new in new }
    var command = ChildCommand(
      "/bin/sh", ["-c", "\(mask)exec /bin/sh -c \"$0\" 2>&1", line], environment: environment,
      workingDirectory: workingDirectory, output: .pipe)
    // A tunnel that a command opens in the background is there for the steps that follow.
    command.leavesBackground = true
    return command
  }

  private static let tailLength = 25

  /// Tells every line as it comes, until the command has ended.
  ///
  /// - Returns: The last lines.
  private func follow(
    _ child: ChildProcess, _ moment: StepCommand.Moment, _ cancellation: Cancellation?
  ) throws -> [String] {
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    _ = fcntl(output.number, F_SETFL, O_NONBLOCK)
    let reader = PolledReader(output.number, cancellation: cancellation)
    let splitter = LineSplitter()
    var tail: [String] = []
    let emit = { (bytes: UnsafeRawBufferPointer) in
      let text = String(decoding: bytes, as: UTF8.self)
      let line = text.before(end: "\r\n") ?? text.before(end: "\n") ?? text
      tell(moment, line)
      tail = (tail + [line]).suffix(Self.tailLength)
    }
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      while case .bytes(let count) = try reader.read(
        into: buffer, seconds: .infinity, orUntil: child.endDescriptor, subject: child.program)
      {
        try splitter.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), emit)
      }
    }
    try splitter.finish(emit)
    return tail
  }
}
