import CofferSystem
import Glibc

/// The server of a drill, which listens on a socket in a folder of its own and nowhere else.
final class PostgreSQLDrillServer {
  /// Where its socket is.
  let folder: String
  private(set) var connection: PostgreSQLConnection
  /// Who asks and restores there.
  private(set) var user = PostgreSQLDrillServer.superuser
  private let programs: String
  private let installations: PostgreSQLInstallations
  let identity: DumpIdentity
  private let ground: DrillGround
  private var process: ChildProcess?
  private var asked: [ExactName: PostgreSQLDrillQuestions] = [:]

  /// The role that initdb makes unless it is told otherwise.
  static let superuser = "postgres"
  static let port = 5432
  /// Bytes that an empty one takes.
  static let least: UInt64 = 256 << 20

  /// What is lost when the machine stops is of no use to anybody.
  private static let settings = [
    "listen_addresses=", "port=\(port)", "fsync=off", "full_page_writes=off", "synchronous_commit=off",
    "autovacuum=off", "archive_mode=off", "max_connections=20", "unix_socket_permissions=0700",
    "logging_collector=off", "log_min_messages=fatal", "lc_messages=C", "dynamic_shared_memory_type=mmap",
  ]

  /// Makes the folder.
  ///
  /// - Parameter programs: The folder with the programs of its version.
  /// - Throws: `DrillError.impossible` when no socket can be made there; `SystemError`.
  init(
    _ programs: String, _ installations: PostgreSQLInstallations, of identity: DumpIdentity, on ground: DrillGround
  ) throws {
    self.programs = programs
    self.installations = installations
    self.identity = identity
    self.ground = ground
    folder = try ground.makeFolder("cluster", forSocket: ".s.PGSQL.\(Self.port)", of: identity)
    connection = Self.connection(Self.superuser, in: folder, installations, identity, ground)
  }

  private static func connection(
    _ user: String, in folder: String, _ installations: PostgreSQLInstallations, _ identity: DumpIdentity,
    _ ground: DrillGround
  ) -> PostgreSQLConnection {
    let address = ServerAddress(hostname: folder, port: port, username: user, password: nil)
    return PostgreSQLEntry(.empty, identity, address).finding(installations, context: ground.context).connection
  }

  /// Makes a new cluster by the newest server that is installed, and starts it.
  ///
  /// - Parameters:
  ///   - bytes: The dump's.
  ///   - firstRole: What its first superuser is called.
  /// - Returns: The server, and its major version.
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  static func new(
    for facts: DumpFacts, bytes: UInt64, firstRole: String = superuser, on ground: DrillGround,
    _ installations: PostgreSQLInstallations
  ) throws -> (server: PostgreSQLDrillServer, major: Int) {
    let (major, programs) = try Self.programs(for: facts, installations)
    try ground.checkSpace(.room(for: bytes, times: 3, and: least), for: facts.identity)
    let server = try PostgreSQLDrillServer(programs, installations, of: facts.identity, on: ground)
    server.become(firstRole)
    let data = "\(server.folder)/data"
    try ground.make(
      by: "\(programs)/initdb",
      [
        "--pgdata", data, "--username", firstRole, "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
        "--no-sync",
      ], for: facts.identity)
    do {
      try server.start(in: data, newSettings)
    } catch {
      server.remove()
      throw error
    }
    return (server, major)
  }

  private static let newSettings = [
    "wal_level=minimal", "max_wal_senders=0", "max_prepared_transactions=10", "max_wal_size=2GB",
  ]

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

  private func become(_ user: String) {
    self.user = user
    connection = Self.connection(user, in: folder, installations, identity, ground)
  }

  /// Makes a superuser of a name that no dump has, who asks and restores from then on: what a dump says of roles, the first one
  /// among them, is of others.
  ///
  /// - Throws: As `run`.
  func takeOwnUser() throws {
    let name = DrillName().text
    try run("CREATE ROLE \(identifier: name) SUPERUSER LOGIN")
    become(name)
  }

  /// What is asked of one of its databases.
  func questions(_ database: String) -> PostgreSQLDrillQuestions {
    let known = asked[ExactName(database)]
    let questions =
      known
      ?? PostgreSQLDrillQuestions(
        database: database, connection: connection, context: ground.context, leavesOwners: false)
    asked[ExactName(database)] = questions
    return questions
  }

  /// Starts it, and waits until it answers.
  ///
  /// - Parameters:
  ///   - settings: Beside those of every drill.
  ///   - seconds: How long it may take.
  /// - Throws: `DrillError.serverFailed`; `LaunchError`; `SystemError`; `RunCancelled`.
  func start(in data: String, _ settings: [String], seconds: Double = DrillGround.patience) throws {
    let all = Self.settings + ["unix_socket_directories=\(folder)"] + settings
    let process = try ground.context.launcher.launch(
      ground.command("\(programs)/postgres", ["-D", data] + all.flatMap { ["-c", $0] }))
    self.process = process
    try ground.wait(for: process, "postgres", of: identity, seconds: seconds) {
      (try? connection.queryServer("SELECT 1", context: ground.context))?.status.isSuccess ?? false
    }
  }

  /// - Throws: `DrillError.serverFailed` with what it says against that; what asking throws.
  func run(_ statement: PostgreSQLStatement) throws {
    let result = try connection.queryServer(statement, context: ground.context)
    guard result.status.isSuccess else {
      throw DrillError.serverFailed(identity, program: "psql", lines: result.errorLines)
    }
  }

  /// The answers to a question of one column.
  ///
  /// - Throws: As `run`.
  func texts(_ question: PostgreSQLStatement) throws -> [ServerText] {
    let result = try connection.queryServer(question, context: ground.context)
    guard let rows = PostgreSQLAnswer(result, columns: 1)?.rows else {
      throw DrillError.serverFailed(identity, program: "psql", lines: result.errorLines)
    }
    return rows.compactMap { $0[0] }
  }

  /// At once: what is left waiting for its clients would be killed without the processes that it has made.
  func remove() {
    guard let process else { return }
    ground.end(process, by: SIGQUIT)
  }
}
