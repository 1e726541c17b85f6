import CofferConfiguration
import CofferSystem

/// A server of its own with nothing in it, which is gone with its folder.
final class MariaDBThrowawayServer {
  /// For example `MariaDB 11.4.3`.
  let title: String
  private let server: MariaDBDrillServer

  private static let least: UInt64 = 512 << 20

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
    server = try MariaDBDrillServer(of: identity, on: ground, dialect)
    let data = "\(server.folder)/data"
    try ground.make(by: installed.maker, installed.makingArguments(data, temporary: server.folder), for: identity)
    do {
      try server.start(installed, in: data, arguments)
    } catch {
      server.remove()
      throw error
    }
  }

  var socket: String { server.socket }

  /// The server's superuser there.
  var session: MariaDBSession { server.session }

  /// Where a restore to it is to go.
  var target: RestoreTarget {
    var target = RestoreTarget(username: server.user)
    target.socketPath = socket
    return target
  }

  /// See `MariaDBDrillServer`.
  ///
  /// - Throws: As `MariaDBSession.query`.
  func takeOwnUser() throws { try server.takeOwnUser() }

  /// Those that are not its own.
  ///
  /// - Throws: As `MariaDBSession.query`.
  func databases() throws -> [String] {
    try session.query("SHOW DATABASES", 1).compactMap(\.first).filter { !MariaDBScript.isSystem($0) }
  }

  /// Users and roles, as statements name them.
  ///
  /// - Throws: As `MariaDBSession.query`.
  func accounts() throws -> [String] {
    try session.query("SELECT User, Host, is_role FROM mysql.user ORDER BY User, Host", 3).compactMap { row in
      MariaDBAccounts.Account(row[2].isSame(as: "Y") ? [row[0]] : [row[0], row[1]])?.quoted
    }
  }

  /// A dump of one of its databases.
  func dump(of identity: DumpIdentity, _ dialect: MariaDBDialect) -> any PlannedDump {
    MariaDBDump(
      entry: MariaDBDrillServer.entry(dialect, identity, socket, for: .dump), name: identity.database,
      databases: [identity.database])
  }

  /// What the server said last, where it has ended.
  var lastLines: [String]? { server.lastLines }

  func remove() { server.remove() }
}
