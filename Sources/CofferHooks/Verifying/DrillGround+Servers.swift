import CofferSystem
import Glibc

/// What drills of all servers need.
extension DrillGround {
  /// Seconds that a server may take to be made, and to come up.
  static let patience: Double = 180

  /// Where servers are that users' PATHs do not lead to.
  private static let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec"]

  /// The programs of a name that are installed, those first that the PATH leads to.
  func programs(named name: String) -> [String] {
    let path = (context.environment["PATH"] ?? "").parts(by: ":", keepingEmpty: false)
    return (path + Self.folders).map { "\($0)/\(name)" }.filter { access($0, X_OK) == 0 }
  }

  /// Makes a folder in which a server can listen at a socket.
  ///
  /// - Parameter socket: The socket's name in it.
  /// - Returns: Its path.
  /// - Throws: `DrillError.impossible` when no socket can have that path; `SystemError`.
  func makeFolder(_ name: String, forSocket socket: String, of identity: DumpIdentity) throws -> String {
    let folder = try makeFolder(name).path
    guard SocketPath.fits(socket, in: folder) else {
      throw DrillError.impossible(
        identity, problem: "no socket can be made in \(folder): its path is too long",
        suggestion: "Set verify_directory to a folder with a shorter path")
    }
    return folder
  }

  /// Has a program make what a server begins with.
  ///
  /// - Throws: `DrillError.serverFailed`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func make(by program: String, _ arguments: [String], for identity: DumpIdentity) throws {
    let made = try context.launcher.run(
      command(program, arguments), seconds: Self.patience, cancellation: context.cancellation)
    guard made.status.isSuccess else {
      throw DrillError.serverFailed(identity, program: Self.name(of: program), lines: made.errorLines)
    }
  }

  /// Waits until a server answers.
  ///
  /// - Parameter seconds: How long it may take.
  /// - Throws: `DrillError.serverFailed` when it has ended, or does not answer in time: it is ended then; `RunCancelled`; what
  ///   `isUp` throws.
  func wait(
    for server: ChildProcess, _ program: String, of identity: DumpIdentity, seconds: Double = patience,
    isUp: () throws -> Bool
  ) throws {
    let deadline = context.clock.steadySeconds() + seconds
    while try !isUp() {
      try context.cancellation.check()
      let isOver = server.wait(seconds: 0) != nil
      guard !isOver, context.clock.steadySeconds() < deadline else {
        server.terminate()
        throw DrillError.serverFailed(identity, program: Self.name(of: program), lines: server.lastErrorLines)
      }
      try context.cancellation.sleep(0.1)
    }
  }

  /// Ends a server at once: nothing of it is kept.
  ///
  /// - Parameter signal: By which it ends what it has started, where that does not end with it in any case.
  func end(_ server: ChildProcess, by signal: Int32 = SIGTERM) {
    if server.wait(seconds: 0) == nil { kill(server.identifier, endsWhole ? SIGKILL : signal) }
    _ = server.wait(seconds: 10)
    server.terminate()
  }

  private static func name(of program: String) -> String { program.parts(by: "/").last ?? program }
}
