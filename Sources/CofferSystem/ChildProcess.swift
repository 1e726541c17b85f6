import CSystem
import Foundation
import Synchronization

/// Starts programs; passed as a dependency, so that tests can put another one in its place.
public protocol ProcessLauncher: Sendable {
  /// - Throws: `LaunchError`.
  func launch(_ command: ChildCommand) throws -> ChildProcess
}

/// Starts programs with `posix_spawn`.
///
/// Every child leads a process group of its own, has default signal handling, and inherits no descriptor but its
/// three streams. A child whose starter is killed notices by itself: the pipes it writes to have lost their reader.
public struct SystemProcessLauncher: ProcessLauncher {
  public init() {}

  public func launch(_ command: ChildCommand) throws -> ChildProcess {
    let path = try Self.resolve(command.executable, command.environment)
    return try Spawner(command, path: path).spawn()
  }

  private static func resolve(_ executable: String, _ environment: ProcessEnvironment) throws(LaunchError) -> String {
    if executable.contains("/") {
      guard access(executable, X_OK) == 0 else { throw .notFound(program: executable) }
      return executable
    }
    for folder in (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
      let path = "\(folder)/\(executable)"
      if access(path, X_OK) == 0 { return path }
    }
    throw .notFound(program: executable)
  }
}

/// A running child. Safe to use from several threads.
public final class ChildProcess: Sendable {
  public let identifier: pid_t
  public let program: String
  /// Becomes readable when the child has ended; for `poll`.
  public let endDescriptor: Int32
  private let streams: Mutex<Streams>
  private let errorTail: ErrorTail
  private let ended: Mutex<ExitStatus?> = Mutex(nil)

  private struct Streams: ~Copyable {
    var input: FileDescriptor?
    var output: FileDescriptor?
  }

  /// Seconds between asking a group to end and killing it.
  private static let grace: Double = 3

  init(
    identifier: pid_t, program: String, endDescriptor: Int32, input: consuming FileDescriptor?,
    output: consuming FileDescriptor?, errorTail: ErrorTail
  ) {
    self.identifier = identifier
    self.program = program
    self.endDescriptor = endDescriptor
    self.errorTail = errorTail
    streams = Mutex(Streams(input: input, output: output))
  }

  deinit {
    terminate()
    _ = Foundation.close(endDescriptor)
  }

  /// The write end of the child's standard input, if it is a pipe; given once.
  public func takeInput() -> FileDescriptor? {
    streams.withLock { $0.input.take() }
  }

  /// The read end of the child's standard output, if it is a pipe; given once.
  public func takeOutput() -> FileDescriptor? {
    streams.withLock { $0.output.take() }
  }

  /// The last lines that the child wrote to standard error; complete once it has ended.
  public var lastErrorLines: [String] { errorTail.lines }

  /// Waits for the child to end.
  ///
  /// - Parameter seconds: nil to wait as long as it takes.
  /// - Returns: nil when the time was up, or the run was cancelled, before the child ended.
  public func wait(seconds: Double? = nil, cancellation: Cancellation? = nil) -> ExitStatus? {
    if let status = ended.withLock({ $0 }) { return status }
    var descriptors = [pollfd(fd: endDescriptor, events: Int16(POLLIN), revents: 0)]
    if let cancellation {
      descriptors.append(pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0))
    }
    let deadline = seconds.map { Clock.system.steadySeconds() + $0 }
    while true {
      let left = deadline.map { max($0 - Clock.system.steadySeconds(), 0) }
      let count = poll(&descriptors, nfds_t(descriptors.count), left.map { Int32($0 * 1000) + 1 } ?? -1)
      if count < 0 && errno == EINTR { continue }
      guard descriptors[0].revents != 0 else { return nil }
      return reap()
    }
  }

  /// Ends the child and everything it started: asks the group, waits a little, kills it. Does nothing more to a
  /// child that has ended, but its group is ended all the same.
  public func terminate() {
    let hadEnded = ended.withLock { $0 } != nil
    guard !hadEnded else { return }
    kill(-identifier, SIGTERM)
    kill(-identifier, SIGCONT)
    if wait(seconds: Self.grace) == nil {
      kill(-identifier, SIGKILL)
      _ = wait()
    }
  }

  private func reap() -> ExitStatus {
    let status = ended.withLock { ended -> ExitStatus in
      if let known = ended { return known }
      // What the leader started must not outlive it; the group's number is free only after the leader is reaped.
      kill(-identifier, SIGKILL)
      var raw: Int32 = 0
      while waitpid(identifier, &raw, 0) < 0 && errno == EINTR {}
      let signal = raw & 0x7f
      let status = signal == 0 ? ExitStatus.exited((raw >> 8) & 0xff) : .signalled(signal)
      ended = status
      return status
    }
    errorTail.join()
    return status
  }
}

/// Reads a child's standard error to its end on a thread and keeps the last lines.
final class ErrorTail: Sendable {
  private struct Content {
    var bytes: [UInt8] = []
  }

  private let content = Mutex(Content())
  private let thread: Mutex<WorkerThread?> = Mutex(nil)

  private static let lineCount = 25
  private static let byteLimit = 16 << 10

  init(reading descriptor: consuming FileDescriptor) {
    let number = descriptor.release()
    let worker = WorkerThread(name: "stderr") { [self] in
      let descriptor = FileDescriptor(owning: number)
      withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        while let count = try? descriptor.read(into: buffer, subject: "stderr"), count > 0 {
          content.withLock { content in
            content.bytes.append(contentsOf: buffer[..<count])
            content.bytes.removeFirst(max(content.bytes.count - Self.byteLimit, 0))
          }
        }
      }
    }
    thread.withLock { $0 = worker }
  }

  var lines: [String] {
    let text = content.withLock { String(decoding: $0.bytes, as: UTF8.self) }
    return text.split(whereSeparator: \.isNewline).suffix(Self.lineCount).map(String.init)
  }

  func join() {
    thread.withLock { $0 }?.join()
  }
}
