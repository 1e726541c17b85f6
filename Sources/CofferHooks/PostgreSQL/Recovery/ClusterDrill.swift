import CofferConfiguration
import CofferSystem
import Glibc

/// The drill of a base backup: it is laid down, and a server of its own version brings it to its end by the log that it has itself. What
/// it was configured with is left out, as that may lead anywhere.
final class ClusterDrill: DrillPlace {
  private let ground: DrillGround
  private let programs: String
  private let major: Int
  private let places: ClusterPlaces
  private let identity: DumpIdentity
  private let server: PostgreSQLDrillServer

  /// Seconds for the replay of all that was written while the base backup was made, and for the look at every page.
  private static let patience: Double = 24 * 3600
  /// A cluster's own prepared transactions have to find room.
  private static let settings = ["config_file=/dev/null", "max_prepared_transactions=1000"]
  private static let access = "coffer-restore.hba"

  /// - Throws: `DrillError`; `ClusterError`; `SystemError`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ installations: PostgreSQLInstallations) throws {
    identity = facts.identity
    guard let base = facts.base, let major = facts.serverVersion.flatMap(ClusterPlan.majorVersion) else {
      throw DrillError.impossible(identity, problem: "nothing is known of the server that it is of", suggestion: nil)
    }
    guard let programs = installations.server(major: major) else {
      throw DrillError.impossible(
        identity, problem: "it is of a server of version \(major), and that is not installed on this machine",
        suggestion: "On Debian: apt-get install postgresql-\(major); it need not run")
    }
    self.ground = ground
    self.programs = programs
    self.major = major
    try ground.checkSpace(.room(for: bytes, times: 1, and: PostgreSQLDrillServer.least), for: identity)
    server = try PostgreSQLDrillServer(programs, installations, of: identity, on: ground)
    let tablespaces = try base.tablespaces.map { tablespace in
      ClusterPlan.Tablespace(
        number: tablespace.oid, recorded: tablespace.location.shown,
        location: try ground.makeFolder("tablespace-\(tablespace.oid)").path)
    }
    let plan = ClusterPlan(
      directory: server.folder, tablespaces: tablespaces, isDelta: false, systemIdentifier: base.systemIdentifier,
      majorVersion: major, size: bytes)
    places = try ClusterPlaces(plan, owner: ground.account)
  }

  var version: String { "PostgreSQL \(major)" }

  var target: RestoreTarget { RestoreTarget() }

  var replacement: (any PlannedRestore)? {
    LaidRestore(identity.title, begin: { [places] in try ClusterFolder(places) }, end: start)
  }

  /// Makes what was laid down whole, and starts the server in it.
  private func start(_ folder: ClusterFolder) throws {
    try folder.finish(for: .drill(files: Self.files))
    try server.start(
      in: server.folder, Self.settings + ["hba_file=\(server.folder)/\(Self.access)"], seconds: Self.patience)
  }

  /// Who may come to the socket: whoever comes to the folder, which is the server's user's alone.
  private static let files = [access: "local all all trust\n"]

  // MARK: - What is there

  /// Every page that the server's own examination looks at, and the rows of every database.
  func findings(of facts: DumpFacts) throws -> DrillFindings {
    try examine()
    return try server.findings()
  }

  private func examine() throws {
    let program = "\(programs)/pg_amcheck"
    guard Glibc.access(program, X_OK) == 0 else { return }
    let result = try ground.context.launcher.run(
      ground.command(
        program,
        [
          "--host", server.folder, "--port", "\(PostgreSQLDrillServer.port)", "--username",
          PostgreSQLDrillServer.superuser, "--all", "--install-missing",
        ]),
      seconds: Self.patience, cancellation: ground.context.cancellation)
    guard !result.status.isSuccess else { return }
    let said = String(decoding: result.output, as: UTF8.self).lines() + result.errorLines
    throw DrillError.different(identity, said.isEmpty ? ["pg_amcheck: exit code \(result.status.code)"] : said)
  }

  func databases(of facts: DumpFacts) throws -> [String] { try server.databases().compactMap(\.text) }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try server.questions(facts.identity.database).answer(to: statement, of: facts.identity)
  }

  func remove() { server.remove() }
}
