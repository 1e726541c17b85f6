import CofferSystem

/// A throw-away server, which listens on a socket in a folder of its own and nowhere else.
final class MariaDBDrillServer {
  /// Where its socket is.
  let folder: String
  let socket: String
  let session: MariaDBSession
  private let identity: DumpIdentity
  private let ground: DrillGround
  private var process: ChildProcess?

  static let superuser = "root"
  /// Seconds between two looks whether the run is to stop.
  private static let pause = 0.2
  private static let socketName = "socket"

  /// Makes the folder.
  ///
  /// - Parameters:
  ///   - user: Whom clients connect as.
  ///   - password: The user's; nil for none.
  /// - Throws: `DrillError.impossible` when no socket can be made there; `SystemError`.
  init(
    of identity: DumpIdentity, on ground: DrillGround, _ dialect: MariaDBDialect, as user: String = superuser,
    password: String? = nil
  ) throws {
    self.identity = identity
    self.ground = ground
    folder = try ground.makeFolder("server", forSocket: Self.socketName, of: identity)
    socket = "\(folder)/\(Self.socketName)"
    session = MariaDBSession(
      identity: identity,
      connection: Self.entry(dialect, identity, socket, for: .restore, as: user, password: password).connection,
      options: [], context: ground.context)
  }

  /// How clients come to it.
  static func entry(
    _ dialect: MariaDBDialect, _ identity: DumpIdentity, _ socket: String, for options: MariaDBConnection.Options,
    as user: String = superuser, password: String? = nil
  ) -> MariaDBEntry {
    let address = ServerAddress(hostname: nil, port: nil, username: user, password: password)
    return MariaDBEntry(.empty, dialect, identity, address, for: options).only(socket)
  }

  /// Starts it, and waits until it answers.
  ///
  /// - Parameters:
  ///   - data: The data directory.
  ///   - settings: Beside those of every drill.
  ///   - seconds: How long it may take.
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  func start(
    _ installed: MariaDBInstalledServer, in data: String, _ settings: [String] = [],
    seconds: Double = DrillGround.patience
  ) throws {
    let process = try ground.context.launcher.launch(
      ground.command(
        installed.program,
        MariaDBInstalledServer.places(data, temporary: folder)
          + ["--socket=\(socket)", "--pid-file=\(folder)/pid"] + installed.arguments + settings))
    self.process = process
    try ground.wait(for: process, installed.program, of: identity, seconds: seconds) {
      guard let rows = try? session.query("SELECT @@socket", 1) else { return false }
      guard rows.first?.first?.isSame(as: socket) == true else {
        throw DrillError.impossible(
          identity, problem: "the client reached another server than the one that was made for it", suggestion: nil)
      }
      return true
    }
  }

  /// What the server said last, where it has ended.
  var lastLines: [String]? { process.flatMap { $0.wait(seconds: 0) == nil ? nil : $0.lastErrorLines } }

  /// Waits until it has ended, which it was told to do.
  ///
  /// - Returns: Whether it has ended well.
  /// - Throws: `RunCancelled`.
  func waitForEnd() throws -> Bool {
    guard let process else { return false }
    while true {
      if let status = process.wait(seconds: Self.pause) { return status.isSuccess }
      try ground.context.cancellation.check()
    }
  }

  func remove() { process?.terminate() }
}
