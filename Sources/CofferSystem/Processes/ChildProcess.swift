import CSystem
import Glibc
import Synchronization

/// Starts programs; passed as a dependency, so that tests can put another one in its place.
public protocol ProcessLauncher: Sendable {
  /// - Throws: `LaunchError`.
  func launch(_ command: ChildCommand) throws -> ChildProcess

  /// Begins with what has to run before commands of that kind can be launched, and does not wait for it.
  func prepare(for command: ChildCommand)
}

extension ProcessLauncher {
  public func prepare(for command: ChildCommand) {}
}

/// Starts programs.
///
/// Every child leads a process group of its own, has default signal handling, and inherits no descriptor but its
/// three streams and those that the command names. It ends with this program, also when this is killed outright: the
/// kernel then sends it SIGTERM, and a process that only watches sends it to what the child has started in its group. What
/// has left the group, or has changed its user (sudo) where this program is not root's, is told by nobody. It notices by
/// itself, because the pipes that it writes to have lost their reader and those that it reads from have ended; therefore
/// the end of its input must never be what makes a client commit.
public struct SystemProcessLauncher: ProcessLauncher {
  private let starter = Starter()
  private let nurseries = Nurseries()
  private let hasProcessDescriptors: Bool

  public init() {
    self.init(hasProcessDescriptors: true)
  }

  /// - Parameter hasProcessDescriptors: false to do without `pidfd_open`, as on systems that refuse it.
  init(hasProcessDescriptors: Bool) {
    self.hasProcessDescriptors = hasProcessDescriptors
  }

  public func launch(_ command: ChildCommand) throws -> ChildProcess {
    try start(command, nursery(for: command))
  }

  public func prepare(for command: ChildCommand) { _ = nursery(for: command) }

  private func nursery(for command: ChildCommand) -> Nursery? {
    Nursery.takes(command) ? nurseries.nursery(for: command) { try start($0, nil) } : nil
  }

  private func start(_ command: ChildCommand, _ nursery: Nursery?) throws -> ChildProcess {
    let path = try Self.resolve(command)
    return try Spawner(
      command, path: path, starter: starter, nursery: nursery, hasProcessDescriptors: hasProcessDescriptors
    ).spawn()
  }

  private static func resolve(_ command: ChildCommand) throws(LaunchError) -> String {
    let executable = command.file ?? command.executable
    if executable.holds("/") {
      guard isProgram(executable) else { throw command.notFound }
      return executable
    }
    for folder in (command.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").parts(by: ":", keepingEmpty: false) {
      let path = "\(folder)/\(executable)"
      if isProgram(path) { return path }
    }
    throw command.notFound
  }

  /// Folders may be executed too, as far as `access` is concerned.
  private static func isProgram(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
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
  private let leavesBackground: Bool
  private let watch: GroupWatch?
  /// Whose thread must not end before the child.
  private let starter: Starter
  private let ended: Mutex<ExitStatus?> = Mutex(nil)

  private struct Streams: ~Copyable {
    var input: FileDescriptor?
    var output: FileDescriptor?
  }

  /// Seconds between asking a group to end and killing it.
  private static let grace: Double = 3

  init(
    identifier: pid_t, program: String, endDescriptor: Int32, input: consuming FileDescriptor?,
    output: consuming FileDescriptor?, errorTail: ErrorTail, leavesBackground: Bool, watch: GroupWatch?,
    starter: Starter
  ) {
    self.identifier = identifier
    self.program = program
    self.endDescriptor = endDescriptor
    self.errorTail = errorTail
    self.leavesBackground = leavesBackground
    self.watch = watch
    self.starter = starter
    streams = Mutex(Streams(input: input, output: output))
    watch?.add(identifier)
  }

  deinit {
    terminate()
    errorTail.join()
    _ = Glibc.close(endDescriptor)
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
  public var lastErrorLines: [String] {
    if ended.withLock({ $0 != nil }) { errorTail.join() }
    return errorTail.lines
  }

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
    guard signalGroup([SIGTERM, SIGCONT]) else { return }
    if wait(seconds: Self.grace) == nil {
      signalGroup([SIGKILL])
      _ = wait()
    }
  }

  /// Under the lock that reaping takes, because the group's number may be somebody else's afterwards.
  ///
  /// - Returns: false when the child was reaped before.
  @discardableResult
  private func signalGroup(_ signals: [Int32]) -> Bool {
    ended.withLock { ended in
      guard ended == nil else { return false }
      for signal in signals { kill(-identifier, signal) }
      return true
    }
  }

  private func reap() -> ExitStatus {
    ended.withLock { ended -> ExitStatus in
      if let known = ended { return known }
      // What the leader started must not outlive it; the group's number is free only after the leader is reaped.
      if !leavesBackground { kill(-identifier, SIGKILL) }
      watch?.remove(identifier)
      var raw: Int32 = 0
      while waitpid(identifier, &raw, 0) < 0 && errno == EINTR {}
      let signal = raw & 0x7f
      let status = signal == 0 ? ExitStatus.exited((raw >> 8) & 0xff) : .signalled(signal)
      ended = status
      return status
    }
  }
}
