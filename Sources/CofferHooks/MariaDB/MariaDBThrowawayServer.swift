import CofferConfiguration
import CofferSystem

/// A server of its own, which listens on a socket in its own folder and nowhere else, and is gone with its folder.
final class MariaDBThrowawayServer {
  /// For example `MariaDB 11.4.3`.
  let title: String
  let socket: String
  /// The server's superuser there.
  let session: MariaDBSession
  private let process: ChildProcess

  static let superuser = "root"
  private static let least: UInt64 = 512 << 20
  private static let socketName = "socket"

  /// Makes the server and starts it.
  ///
  /// - Parameters:
  ///   - room: How many times the dumps' bytes it may need.
  ///   - arguments: More for the server.
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(
    for facts: DumpFacts, bytes: UInt64, times room: UInt64, on ground: DrillGround, _ dialect: MariaDBDialect,
    arguments: [String] = []
  ) throws {
    let identity = facts.identity
    let installed = try MariaDBInstalledServer(for: facts, ground)
    title = installed.title
    try ground.checkSpace(.room(for: bytes, times: room, and: Self.least), for: identity)
    let folder = try ground.makeFolder("server", forSocket: Self.socketName, of: identity)
    let socket = "\(folder)/\(Self.socketName)"
    self.socket = socket
    let data = "\(folder)/data"
    try ground.make(by: installed.maker, installed.makingArguments(data), for: identity)
    process = try ground.context.launcher.launch(
      ground.command(
        installed.program,
        ["--no-defaults", "--datadir=\(data)", "--socket=\(socket)", "--pid-file=\(folder)/pid"]
          + installed.arguments + arguments))
    let entry = Self.entry(dialect, identity, socket, for: .restore)
    let session = MariaDBSession(
      identity: identity, connection: entry.connection, options: [], context: ground.context)
    self.session = session
    do {
      try ground.wait(for: process, installed.program, of: identity) {
        guard let rows = try? session.query("SELECT @@socket", 1) else { return false }
        guard rows.first?.first?.isSame(as: socket) == true else {
          throw DrillError.impossible(
            identity, problem: "the client reached another server than the one that was made for it", suggestion: nil)
        }
        return true
      }
    } catch {
      remove()
      throw error
    }
  }

  private static func entry(
    _ dialect: MariaDBDialect, _ identity: DumpIdentity, _ socket: String, for options: MariaDBConnection.Options
  ) -> MariaDBEntry {
    let address = ServerAddress(hostname: nil, port: nil, username: superuser, password: nil)
    return MariaDBEntry(.empty, dialect, identity, address, for: options).only(socket)
  }

  /// Where a restore to it is to go.
  var target: RestoreTarget {
    var target = RestoreTarget(username: Self.superuser)
    target.socketPath = socket
    return target
  }

  /// A dump of one of its databases.
  func dump(of identity: DumpIdentity, _ dialect: MariaDBDialect) -> any PlannedDump {
    MariaDBDump(
      entry: Self.entry(dialect, identity, socket, for: .dump), name: identity.database,
      databases: [identity.database])
  }

  /// What the server said last, where it has ended.
  var lastLines: [String]? { process.wait(seconds: 0) == nil ? nil : process.lastErrorLines }

  func remove() {
    process.terminate()
  }
}
