import CofferConfiguration
import CofferSystem
import Glibc

/// The drill of a dump by MariaDB's programs: a server of its own, which listens on a socket in its own folder and nowhere
/// else.
///
/// What the dump holds is counted while it is restored: dumps of this system have no counts of their own.
final class MariaDBDrill: DrillPlace {
  private let ground: DrillGround
  private let socket: String
  private let server: ChildProcess
  private let session: MariaDBSession
  private let census = MariaDBStreamCensus()
  let version: String

  private static let superuser = "root"
  private static let least: UInt64 = 512 << 20
  private static let socketName = "socket"

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ dialect: MariaDBDialect) throws {
    self.ground = ground
    let identity = facts.identity
    let installed = try MariaDBInstalledServer(for: facts, ground)
    version = installed.title
    try ground.checkSpace(.room(for: bytes, times: 3, and: Self.least), for: identity)
    let folder = try ground.makeFolder("server", forSocket: Self.socketName, of: identity)
    socket = "\(folder)/\(Self.socketName)"
    let data = "\(folder)/data"
    try ground.make(by: installed.maker, installed.makingArguments(data), for: identity)
    server = try ground.context.launcher.launch(
      ground.command(
        installed.program,
        ["--no-defaults", "--datadir=\(data)", "--socket=\(socket)", "--pid-file=\(folder)/pid"]
          + installed.arguments))
    let address = ServerAddress(hostname: nil, port: nil, username: Self.superuser, password: nil)
    let entry = MariaDBEntry(.empty, dialect, identity, address, for: .restore).only(socket)
    session = MariaDBSession(
      identity: identity, connection: entry.connection, options: [], context: ground.context)
    do {
      try ground.wait(for: server, installed.program, of: identity) { [session, socket] in
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

  // MARK: - The place

  var target: RestoreTarget {
    var target = RestoreTarget(username: Self.superuser)
    target.socketPath = socket
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts { facts.withoutAddress }

  var observer: (any ByteSink)? { census }

  private func questions(_ facts: DumpFacts) -> MariaDBDrillQuestions {
    MariaDBDrillQuestions(
      database: facts.identity.database, dumped: facts.identity.database, session: session)
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    DrillFindings(content: try questions(facts).content(), dumped: census.content)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts).answer(to: statement, of: facts.identity)
  }

  func remove() {
    server.terminate()
  }
}
