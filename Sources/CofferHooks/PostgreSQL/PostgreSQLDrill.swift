import CofferConfiguration
import CofferSystem

/// The drill of a PostgreSQL dump: a cluster of its own, made by the newest server that is installed, which listens on a
/// socket in its own folder and nowhere else.
final class PostgreSQLDrill: DrillPlace {
  private let ground: DrillGround
  private let major: Int
  private let server: PostgreSQLDrillServer
  /// Whether the dump's archive does not tell what roles it needs: every database has an owner.
  private let leavesOwners: Bool
  private var questions: PostgreSQLDrillQuestions?

  /// Makes the cluster, starts it, and makes there what the dump needs.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ installations: PostgreSQLInstallations) throws {
    self.ground = ground
    let needs = facts.content?.needs
    leavesOwners = needs.map { $0.roles.isEmpty && $0.superusers.isEmpty } ?? true
    (server, major) = try PostgreSQLDrillServer.new(for: facts, bytes: bytes, on: ground, installations)
    do {
      try makeNeeds(facts)
    } catch {
      remove()
      throw error
    }
  }

  /// Superusers may do everything here, too, because event triggers, say, belong to nobody else. Others may not: what they
  /// put into a database must not run with the rights of this server's user.
  private func makeNeeds(_ facts: DumpFacts) throws {
    guard let needs = facts.content?.needs else { return }
    try server.checkExtensions(needs.extensions, major: major)
    let superusers = Set(needs.superusers)
    for role in superusers.union(needs.roles)
    where role != ServerText(PostgreSQLDrillServer.superuser) && !role.isReserved {
      let rights: PostgreSQLStatement = superusers.contains(role) ? "SUPERUSER" : "NOSUPERUSER"
      try server.run("CREATE ROLE \(identifier: role) \(rights) NOLOGIN")
    }
    for (number, tablespace) in Set(needs.tablespaces).enumerated() where !tablespace.isReserved {
      let place = try ground.makeFolder("tablespace-\(number)").path
      try server.run("CREATE TABLESPACE \(identifier: tablespace) LOCATION \(literal: place)")
    }
  }

  // MARK: - The place

  var version: String { "PostgreSQL \(major)" }

  var target: RestoreTarget {
    var target = RestoreTarget(
      hostname: server.folder, port: PostgreSQLDrillServer.port, username: server.user)
    target.leavesOwners = leavesOwners
    target.isDrill = true
    return target
  }

  func facts(_ facts: DumpFacts) -> DumpFacts {
    var facts = facts
    facts.identity = facts.identity.here
    return facts
  }

  private func questions(_ facts: DumpFacts) -> PostgreSQLDrillQuestions {
    if let questions { return questions }
    let new = PostgreSQLDrillQuestions(
      database: facts.identity.database, connection: server.connection, context: ground.context,
      leavesOwners: leavesOwners)
    questions = new
    return new
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings { try questions(facts).findings(of: facts.identity) }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts).answer(to: statement, of: facts.identity)
  }

  func remove() { server.remove() }
}

extension ServerText {
  /// Whether the server keeps such names for itself.
  var isReserved: Bool { bytes.starts(with: "pg_".utf8) }
}

extension DumpIdentity {
  /// The same database at a server of this machine, without the container it came from.
  var here: DumpIdentity {
    DumpIdentity(
      hook: hook, database: database, hostname: hostname, port: port, label: label, isGlobals: isGlobals,
      advice: advice)
  }
}
