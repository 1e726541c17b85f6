import CofferConfiguration
import CofferSystem
import Glibc

/// The drill of a PostgreSQL dump: a cluster of its own, made by the newest server that is installed, which listens on a
/// socket in its own folder and nowhere else.
final class PostgreSQLDrill: DrillPlace {
  private let ground: DrillGround
  private let folder: String
  private let major: Int
  private let server: ChildProcess
  private let connection: PostgreSQLConnection
  /// Whether the dump's archive does not tell what roles it needs: every database has an owner.
  private let leavesOwners: Bool
  private var questions: PostgreSQLDrillQuestions?

  private static let superuser = "postgres"
  private static let port = 5432
  private static let least: UInt64 = 256 << 20

  /// What is lost when the machine stops is of no use to anybody.
  private static let settings = [
    "listen_addresses=", "port=\(port)", "fsync=off", "full_page_writes=off", "synchronous_commit=off",
    "autovacuum=off", "wal_level=minimal", "max_wal_senders=0", "archive_mode=off", "max_connections=20",
    "max_prepared_transactions=10", "max_wal_size=2GB", "unix_socket_permissions=0700", "logging_collector=off",
    "log_min_messages=fatal", "lc_messages=C", "dynamic_shared_memory_type=mmap",
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
    try ground.checkSpace(.room(for: bytes, times: 3, and: Self.least), for: identity)
    folder = try ground.makeFolder("cluster", forSocket: ".s.PGSQL.\(Self.port)", of: identity)
    let data = "\(folder)/data"
    try ground.make(
      by: "\(programs)/initdb",
      [
        "--pgdata", data, "--username", Self.superuser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
        "--no-sync",
      ], for: identity)
    let arguments = ["-D", data, "-k", folder] + Self.settings.flatMap { ["-c", $0] }
    server = try ground.context.launcher.launch(ground.command("\(programs)/postgres", arguments))
    let address = ServerAddress(hostname: folder, port: Self.port, username: Self.superuser, password: nil)
    connection = PostgreSQLEntry(.empty, identity, address).finding(installations, context: ground.context).connection
    do {
      try ground.wait(for: server, "postgres", of: identity) { [connection] in
        (try? connection.queryServer("SELECT 1", context: ground.context))?.status.isSuccess ?? false
      }
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
    for role in superusers.union(needs.roles) where role != ServerText(Self.superuser) && !role.isReserved {
      let rights: PostgreSQLStatement = superusers.contains(role) ? "SUPERUSER" : "NOSUPERUSER"
      try run("CREATE ROLE \(identifier: role) \(rights) NOLOGIN", facts.identity)
    }
    for (number, tablespace) in Set(needs.tablespaces).enumerated() where !tablespace.isReserved {
      let place = try ground.makeFolder("tablespace-\(number)").path
      try run("CREATE TABLESPACE \(identifier: tablespace) LOCATION \(literal: place)", facts.identity)
    }
  }

  private func run(_ statement: PostgreSQLStatement, _ identity: DumpIdentity) throws {
    let result = try connection.queryServer(statement, context: ground.context)
    guard result.status.isSuccess else {
      throw DrillError.serverFailed(identity, program: "psql", lines: result.errorLines)
    }
  }

  private func checkExtensions(_ wanted: [ServerText], _ identity: DumpIdentity) throws {
    let question: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("e.name")) FROM pg_catalog.pg_available_extensions e
      """
    let result = try connection.queryServer(question, context: ground.context)
    guard let rows = PostgreSQLAnswer(result, columns: 1)?.rows else {
      throw DrillError.serverFailed(identity, program: "psql", lines: result.errorLines)
    }
    let missing = Set(wanted).subtracting(rows.compactMap { $0[0] }).map { Quoting.terminal($0.shown) }.sorted()
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
    var target = RestoreTarget(hostname: folder, port: Self.port, username: Self.superuser)
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
      database: facts.identity.database, connection: connection, context: ground.context, leavesOwners: leavesOwners)
    questions = new
    return new
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings { try questions(facts).findings(of: facts.identity) }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts).answer(to: statement, of: facts.identity)
  }

  /// At once: what is left waiting for its clients would be killed without the processes that it has made.
  func remove() {
    if server.wait(seconds: 0) == nil { kill(server.identifier, SIGQUIT) }
    _ = server.wait(seconds: 10)
    server.terminate()
  }
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
