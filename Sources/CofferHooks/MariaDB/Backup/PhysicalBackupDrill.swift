import CofferSystem
import Glibc

/// The drill of a physical backup: it is laid down and prepared, and a server of its own version starts in it and looks at every table.
///
/// What it was configured with is left out but for what its files need. Nobody's password is known: the server asks for none, on a
/// socket that only its user comes to.
final class PhysicalBackupDrill: DrillPlace {
  private let ground: DrillGround
  private let installed: MariaDBInstalledServer
  private let server: MariaDBDrillServer
  private let preparation: PhysicalBackupPreparation
  private let identity: DumpIdentity

  /// Seconds for the replay of all that was written while the backup was made, and for the look at every page.
  private static let patience: Double = 24 * 3600
  private static let least: UInt64 = 256 << 20

  /// - Throws: `DrillError`; `ClusterError`; `PreparationError`; `SystemError`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws {
    identity = facts.identity
    self.ground = ground
    guard let version = facts.serverVersion else {
      throw DrillError.impossible(identity, problem: "nothing is known of the server that it is of", suggestion: nil)
    }
    installed = try MariaDBInstalledServer(for: facts, ground)
    guard let program = ground.programs(named: PhysicalBackupDump.program).first else {
      throw DrillError.impossible(
        identity, problem: "mariadb-backup is not installed on this machine",
        suggestion: "On Debian: apt-get install mariadb-backup")
    }
    preparation = PhysicalBackupPreparation(ground, program)
    try preparation.check(for: version)
    try ground.checkSpace(.room(for: bytes, times: 1, and: Self.least), for: identity)
    server = try MariaDBDrillServer(of: identity, on: ground, .mariadb)
  }

  var version: String { installed.title }

  var target: RestoreTarget { RestoreTarget() }

  var replacement: (any PlannedRestore)? {
    LaidRestore(
      identity.title,
      begin: { [self] in try PhysicalBackupFolder(ServerPlace(server.folder, owner: ground.account)) }, end: start)
  }

  /// Prepares what was laid down, and starts the server in it.
  private func start(_ folder: PhysicalBackupFolder) throws {
    try folder.finish(preparation, isLasting: false)
    try server.start(
      installed, in: server.folder,
      ["--skip-grant-tables"] + PhysicalBackupSettings(in: try Folder(opening: server.folder)).serverArguments,
      seconds: Self.patience)
  }

  // MARK: - What is there

  /// Every page that the server's own examination looks at, and the rows of every database.
  func findings(of facts: DumpFacts) throws -> DrillFindings {
    try examine()
    var content = DumpContent(tables: [])
    for row in try server.session.query("SHOW DATABASES", 1) {
      guard let name = row.first, !Self.unlisted.contains(where: { name.isSame(as: $0) }) else { continue }
      content.tables += try questions(name).content().tables
    }
    return DrillFindings(content: content)
  }

  private func questions(_ database: String) -> MariaDBDrillQuestions {
    MariaDBDrillQuestions(database: database, dumped: database, session: server.session)
  }

  func databases(of facts: DumpFacts) throws -> [String] {
    try server.session.query("SHOW DATABASES", 1).compactMap(\.first).filter { !MariaDBScript.isSystem($0) }
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts.identity.database).answer(to: statement, of: facts.identity)
  }

  /// What the server makes itself.
  private static let unlisted = ["information_schema", "performance_schema", "sys"]

  private func examine() throws {
    let program = "mariadb-check"
    let result = try ground.context.launcher.run(
      ChildCommand(
        program,
        [
          "--no-defaults", "--socket=\(server.socket)", "--user=\(MariaDBDrillServer.superuser)", "--all-databases",
          "--check", "--silent",
        ], environment: ground.context.environment
      ).installed(by: MariaDBFailure.installations),
      seconds: Self.patience, cancellation: ground.context.cancellation)
    // It ends well also where it has found something: what it says then is a table's name, and lines about that.
    let said = result.text.lines().filter { !$0.isEmpty } + result.errorLines
    guard result.status.isSuccess, said.isEmpty else {
      throw DrillError.different(
        identity, said.isEmpty ? ["\(program): exit code \(result.status.code)"] : said.map { Quoting.terminal($0) })
    }
  }

  func remove() { server.remove() }
}
