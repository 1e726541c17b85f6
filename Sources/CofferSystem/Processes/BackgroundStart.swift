import CSystem
import Glibc

/// Starting this program anew for work that goes on in the background: who was started by the user waits until the other says
/// that its work has begun, and ends. Until then both are at the same terminal, so questions can be asked.
public enum BackgroundStart {
  /// Runs the program with these arguments, before this process has any other thread.
  ///
  /// - Returns: The exit code for this process: 0 when the work has begun, or else that of the other process.
  /// - Throws: `SystemError`.
  public static func run(_ arguments: [String]) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError(call: "pipe2", subject: "coffer") }
    let reader = FileDescriptor(owning: ends[0])
    let writer = FileDescriptor(owning: ends[1])
    let child = try start(arguments, telling: writer)
    // With the last writer gone a read says so.
    try writer.close(subject: "coffer")
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) { try reader.read(into: $0, subject: "coffer") }
    guard count == 0 else { return 0 }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw SystemError(call: "waitpid", subject: "coffer") }
    }
    let signal = status & 0x7f
    return signal == 0 ? status >> 8 & 0xff : 128 + signal
  }

  private static func start(_ arguments: [String], telling writer: borrowing FileDescriptor) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, writer.number, BackgroundStarter.number)
    var environment = ProcessEnvironment.current()
    environment.variables[BackgroundStarter.variable] = String(getpid())
    return try OwnProgram.start(arguments, environment, &actions)
  }
}

/// The process that waits until this one, which it has started, says that its work has begun.
public struct BackgroundStarter: Sendable {
  static let variable = "COFFER_STARTED_BY"
  /// Of the descriptor through which it is told.
  static let number: Int32 = 3
  private let isTold = Monitor(false)

  /// - Returns: nil when nobody waits.
  public static func current() -> BackgroundStarter? {
    // What else has the variable is not its child.
    guard let starter = ProcessEnvironment.current()[variable], starter == String(getppid()) else { return nil }
    return fcntl(number, F_SETFD, FD_CLOEXEC) == 0 ? BackgroundStarter() : nil
  }

  /// Tells it, after leaving its terminal, its streams and its folder; once, however often it is called.
  ///
  /// - Throws: `SystemError`, also when it waits no more: then nobody knows of the work.
  public func tellReady() throws {
    let wasTold = isTold.update { isTold in
      defer { isTold = true }
      return isTold
    }
    guard !wasTold else { return }
    setsid()
    let nowhere = try FileDescriptor(opening: "/dev/null", flags: O_RDWR)
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      guard dup2(nowhere.number, stream) >= 0 else { throw SystemError(call: "dup2", subject: "/dev/null") }
    }
    // Its folder can be taken away, and what it is mounted on.
    guard chdir("/") == 0 else { throw SystemError(call: "chdir", subject: "/") }
    let teller = FileDescriptor(owning: Self.number)
    try [1 as UInt8].withUnsafeBytes { try teller.writeAll($0, subject: "coffer") }
  }
}
