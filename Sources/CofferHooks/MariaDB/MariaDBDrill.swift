import CofferConfiguration
import CofferSystem

/// The drill of a dump by MariaDB's programs: a server of its own, which listens on a socket in its own folder and nowhere
/// else.
///
/// What the dump holds is counted while it is restored: dumps of this system have no counts of their own.
final class MariaDBDrill: DrillPlace {
  private let server: MariaDBDrillServer
  private let census = MariaDBStreamCensus()
  let version: String

  private static let least: UInt64 = 512 << 20

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ dialect: MariaDBDialect) throws {
    let identity = facts.identity
    let installed = try MariaDBInstalledServer(for: facts, ground)
    version = installed.title
    try ground.checkSpace(.room(for: bytes, times: 3, and: Self.least), for: identity)
    server = try MariaDBDrillServer(of: identity, on: ground, dialect)
    let data = "\(server.folder)/data"
    try ground.make(by: installed.maker, installed.makingArguments(data), for: identity)
    do {
      try server.start(installed, in: data)
    } catch {
      server.remove()
      throw error
    }
  }

  // MARK: - The place

  var target: RestoreTarget {
    var target = RestoreTarget(username: MariaDBDrillServer.superuser)
    target.socketPath = server.socket
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts { facts.withoutAddress }

  var observer: (any ByteSink)? { census }

  private func questions(_ facts: DumpFacts) -> MariaDBDrillQuestions {
    MariaDBDrillQuestions(
      database: facts.identity.database, dumped: facts.identity.database, session: server.session)
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    DrillFindings(content: try questions(facts).content(), dumped: census.content)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts).answer(to: statement, of: facts.identity)
  }

  func remove() {
    server.remove()
  }
}
