import CofferSystem

/// A throw-away server, which listens on a socket in a folder of its own and nowhere else.
final class MariaDBDrillServer {
  /// Where its socket is.
  let folder: String
  let socket: String
  private(set) var session: MariaDBSession
  /// Who asks and restores there.
  private(set) var user: String
  private let dialect: MariaDBDialect
  private let identity: DumpIdentity
  private let ground: DrillGround
  private var process: ChildProcess?

  static let superuser = "root"
  /// Seconds between two looks whether the run is to stop.
  private static let pause = 0.2
  private static let socketName = "socket"
  /// MariaDB's libraries by which accounts log in and that a server does not have from its beginning.
  private static let logins = ["auth_ed25519", "auth_pam", "auth_gssapi", "auth_parsec"]

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
    self.user = user
    self.dialect = dialect
    self.ground = ground
    folder = try ground.makeFolder("server", forSocket: Self.socketName, of: identity)
    socket = "\(folder)/\(Self.socketName)"
    session = Self.session(dialect, identity, socket, ground, as: user, password: password)
  }

  private static func session(
    _ dialect: MariaDBDialect, _ identity: DumpIdentity, _ socket: String, _ ground: DrillGround, as user: String,
    password: String? = nil
  ) -> MariaDBSession {
    MariaDBSession(
      identity: identity,
      connection: entry(dialect, identity, socket, for: .restore, as: user, password: password).connection,
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

  /// Makes an account of a name that no dump has, which may do everything, and asks and restores from then on: what a dump says of
  /// accounts, the first one among them, is of others.
  ///
  /// - Throws: As `MariaDBSession.query`.
  func takeOwnUser() throws {
    let name = DrillName().text
    let account = "\(Quoting.mariadbLiteral(name))@'localhost'"
    for statement in [
      "CREATE USER \(account)", "GRANT ALL PRIVILEGES ON *.* TO \(account) WITH GRANT OPTION",
      "GRANT PROXY ON ''@'%' TO \(account) WITH GRANT OPTION",
    ] { _ = try session.query(statement, 0) }
    user = name
    // Accounts log in by them. One that is not installed is told of by the account that needs it.
    for library in Self.logins { _ = try? session.query("INSTALL SONAME \(Quoting.mariadbLiteral(library))", 0) }
    session = Self.session(dialect, identity, socket, ground, as: name)
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

  func remove() {
    guard let process else { return }
    ground.end(process)
  }
}
