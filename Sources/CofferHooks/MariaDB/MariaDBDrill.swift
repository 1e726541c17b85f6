import CofferConfiguration
import CofferSystem

/// The drill of a dump by MariaDB's programs.
///
/// What the dump holds is counted while it is restored: dumps of this system have no counts of their own.
final class MariaDBDrill: DrillPlace {
  private let server: MariaDBThrowawayServer
  private let census = MariaDBStreamCensus()
  /// Whether the dump is of a whole server, or of its accounts.
  private let isServerWide: Bool
  private let hasAccounts: Bool

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(
    of facts: DumpFacts, bytes: UInt64, isServerWide: Bool, on ground: DrillGround, _ dialect: MariaDBDialect
  ) throws {
    self.isServerWide = isServerWide
    hasAccounts = isServerWide && dialect.dumpsAccounts
    server = try MariaDBThrowawayServer(for: facts, bytes: bytes, times: 3, on: ground, dialect)
    guard hasAccounts else { return }
    do {
      try server.takeOwnUser()
    } catch {
      server.remove()
      throw error
    }
  }

  // MARK: - The place

  var version: String { server.title }

  var target: RestoreTarget {
    var target = server.target
    target.isDrill = true
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts { facts.withoutAddress }

  var observer: (any ByteSink)? { census }

  private func questions(_ database: String) -> MariaDBDrillQuestions {
    MariaDBDrillQuestions(database: database, dumped: database, session: server.session)
  }

  func databases(of facts: DumpFacts) throws -> [String] {
    isServerWide ? try server.databases() : [facts.identity.database]
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    var content = DumpContent()
    for database in try databases(of: facts) { content.add(try questions(database).content()) }
    if hasAccounts { content.accounts = try server.accounts() }
    return DrillFindings(content: content, dumped: census.content)
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts.identity.database).answer(to: statement, of: facts.identity)
  }

  func remove() {
    server.remove()
  }
}
