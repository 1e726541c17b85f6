import Glibc

/// What a short command left behind.
public struct CommandResult: Sendable, Equatable {
  public let status: ExitStatus
  /// Standard output, at most the limit that was asked for.
  public let output: [UInt8]
  /// The last lines of standard error.
  public let errorLines: [String]

  public var text: String { String(decoding: output, as: UTF8.self) }
}

/// A short command that did not end in time.
public struct CommandTimedOut: DiagnosableError, Equatable {
  public let program: String
  public let seconds: Double

  public init(program: String, seconds: Double) {
    self.program = program
    self.seconds = seconds
  }

  public var diagnosis: Diagnosis {
    Diagnosis(
      subject: program, problem: "No answer within \(Int(seconds)) seconds",
      suggestion: "Check that the server it talks to can be reached")
  }
}

extension ProcessLauncher {
  /// Runs a short command to its end.
  ///
  /// - Parameter input: Bytes for its standard input; small enough for a pipe's buffer (64 KiB).
  /// - Throws: `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  public func run(
    _ command: ChildCommand, input: [UInt8]? = nil, outputLimit: Int = 16 << 20, seconds: Double = 60,
    cancellation: Cancellation? = nil
  ) throws -> CommandResult {
    var command = command
    command.output = .pipe
    if input != nil { command.input = .pipe }
    let child = try launch(command)
    defer { child.terminate() }
    if let input, let pipe = child.takeInput() {
      // A child that does not read its input ends with its own message.
      try? input.withUnsafeBytes { try pipe.writeAll($0, subject: child.program) }
    }
    guard let output = child.takeOutput() else { preconditionFailure("output was asked for as a pipe") }
    let deadline = Clock.system.steadySeconds() + seconds
    let reader = PolledReader(output.number, cancellation: cancellation)
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let left = deadline - Clock.system.steadySeconds()
      // One that prints without a pause is never waited for.
      guard left > 0 else { throw CommandTimedOut(program: child.program, seconds: seconds) }
      switch try piece.withUnsafeMutableBytes({ try reader.read(into: $0, seconds: left, subject: child.program) }) {
      case .bytes(let count):
        bytes.append(contentsOf: piece[..<min(count, outputLimit - bytes.count)])
      case .timedOut: throw CommandTimedOut(program: child.program, seconds: seconds)
      case .ended:
        guard let status = child.wait(seconds: max(left, 1), cancellation: cancellation) else {
          try cancellation?.check()
          throw CommandTimedOut(program: child.program, seconds: seconds)
        }
        return CommandResult(status: status, output: bytes, errorLines: child.lastErrorLines)
      }
    }
  }
}

/// Reads a descriptor with a deadline, and wakes up when the run is cancelled.
public struct PolledReader {
  public enum Outcome: Equatable {
    case bytes(Int)
    case ended
    case timedOut
  }

  private let descriptor: Int32
  private let cancellation: Cancellation?

  /// Borrows the descriptor.
  public init(_ descriptor: Int32, cancellation: Cancellation?) {
    self.descriptor = descriptor
    self.cancellation = cancellation
  }

  /// Waits for bytes, the end, or the time to be up.
  ///
  /// - Parameter end: A further descriptor whose becoming readable ends the wait; the read then takes what is there.
  /// - Throws: `RunCancelled`; `SystemError`.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, seconds: Double, orUntil end: Int32? = nil, subject: String
  ) throws -> Outcome {
    var descriptors = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
    descriptors.append(pollfd(fd: cancellation?.descriptor ?? -1, events: Int16(POLLIN), revents: 0))
    descriptors.append(pollfd(fd: end ?? -1, events: Int16(POLLIN), revents: 0))
    while true {
      let milliseconds = Int32(min(max(seconds, 0), 1_000_000) * 1000)
      let count = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
      if count < 0 && errno == EINTR { continue }
      try cancellation?.check()
      guard count > 0 else { return .timedOut }
      let number = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if number > 0 { return .bytes(number) }
      if number == 0 { return .ended }
      if errno == EINTR { continue }
      guard errno == EAGAIN else { throw SystemError(call: "read", subject: subject) }
      if descriptors[2].revents != 0 { return .ended }
    }
  }
}
