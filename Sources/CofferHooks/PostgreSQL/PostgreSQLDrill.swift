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

  private static let settings = [
    "wal_level=minimal", "max_wal_senders=0", "max_prepared_transactions=10", "max_wal_size=2GB",
  ]

  /// Makes the cluster, starts it, and makes there what the dump needs.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ installations: PostgreSQLInstallations) throws {
    self.ground = ground
    let identity = facts.identity
    let needs = facts.content?.needs
    leavesOwners = needs.map { $0.roles.isEmpty && $0.superusers.isEmpty } ?? true
    let (major, programs) = try Self.programs(for: facts, installations)
    self.major = major
    try ground.checkSpace(.room(for: bytes, times: 3, and: PostgreSQLDrillServer.least), for: identity)
    server = try PostgreSQLDrillServer(programs, installations, of: identity, on: ground)
    let data = "\(server.folder)/data"
    try ground.make(
      by: "\(programs)/initdb",
      [
        "--pgdata", data, "--username", PostgreSQLDrillServer.superuser, "--auth", "trust", "--encoding", "UTF8",
        "--locale", "C", "--no-sync",
      ], for: identity)
    do {
      try server.start(in: data, Self.settings)
      try makeNeeds(facts)
    } catch {
      remove()
      throw error
    }
  }

  private static func programs(
    for facts: DumpFacts, _ installations: PostgreSQLInstallations
  ) throws -> (major: Int, folder: String) {
    let wanted = facts.serverVersion.flatMap { PostgreSQLVersion.major($0[...]) }
    guard let newest = installations.newestServer() else {
      throw DrillError.impossible(
        facts.identity, problem: "no PostgreSQL server is installed on this machine",
        suggestion: "On Debian: apt-get install \(wanted.map { "postgresql-\($0)" } ?? "postgresql"); it need not run")
    }
    guard let wanted, newest.major < wanted else { return newest }
    throw DrillError.impossible(
      facts.identity,
      problem: "it is of a server of version \(wanted), and the newest one that is installed here is \(newest.major)",
      suggestion: "On Debian: apt-get install postgresql-\(wanted)")
  }

  /// Superusers may do everything here, too, because event triggers, say, belong to nobody else. Others may not: what they
  /// put into a database must not run with the rights of this server's user.
  private func makeNeeds(_ facts: DumpFacts) throws {
    guard let needs = facts.content?.needs else { return }
    try checkExtensions(needs.extensions, facts.identity)
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

  private func checkExtensions(_ wanted: [ServerText], _ identity: DumpIdentity) throws {
    let installed = try server.texts(
      "SELECT \(PostgreSQLAnswer.text("e.name")) FROM pg_catalog.pg_available_extensions e")
    let missing = Set(wanted).subtracting(installed).map { Quoting.terminal($0.shown) }.sorted()
    guard missing.isEmpty else {
      throw DrillError.impossible(
        identity,
        problem: "it has extensions that are not installed on this machine: \(missing.joined(separator: ", "))",
        suggestion: "Install their packages for PostgreSQL \(major), or verify on a machine that has them")
    }
  }

  // MARK: - The place

  var version: String { "PostgreSQL \(major)" }

  var target: RestoreTarget {
    var target = RestoreTarget(
      hostname: server.folder, port: PostgreSQLDrillServer.port, username: PostgreSQLDrillServer.superuser)
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
  fileprivate var isReserved: Bool { bytes.starts(with: "pg_".utf8) }
}

extension DumpIdentity {
  /// The same database at a server of this machine, without the container it came from.
  fileprivate var here: DumpIdentity {
    DumpIdentity(
      hook: hook, database: database, hostname: hostname, port: port, label: label, isGlobals: isGlobals,
      advice: advice)
  }
}
