import CofferConfiguration
import CofferSystem

/// The drill of a dump by MariaDB's programs.
///
/// What the dump holds is counted while it is restored: dumps of this system have no counts of their own.
final class MariaDBDrill: DrillPlace {
  private let server: MariaDBThrowawayServer
  private let census = MariaDBStreamCensus()

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ dialect: MariaDBDialect) throws {
    server = try MariaDBThrowawayServer(for: facts, bytes: bytes, times: 3, on: ground, dialect)
  }

  // MARK: - The place

  var version: String { server.title }

  var target: RestoreTarget { server.target }

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
