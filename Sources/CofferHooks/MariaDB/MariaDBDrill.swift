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
  private let dialect: MariaDBDialect
  private let census = MariaDBStreamCensus()
  let version: String

  private static let superuser = "root"
  private static let least: UInt64 = 512 << 20
  private static let patience: Double = 180
  private static let socketPathLimit = 107
  /// Where servers are that users' PATHs do not lead to.
  private static let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec"]
  private static let installation = "On Debian: apt-get install mariadb-server; it need not run"

  /// Makes the server and starts it.
  ///
  /// - Throws: `DrillError`; `LaunchError`; `SystemError`; `RunCancelled`.
  init(of facts: DumpFacts, bytes: UInt64, on ground: DrillGround, _ dialect: MariaDBDialect) throws {
    self.ground = ground
    self.dialect = dialect
    let identity = facts.identity
    let isAccounts = dialect.dumpsAccounts && identity.database.isSame(as: MariaDBDialect.accountsDatabase)
    guard !isAccounts, !identity.database.isSame(as: "all") else { throw DrillError.passedOver(identity) }
    let program = try Self.program(for: facts, ground)
    version = try Self.version(of: program, for: facts, ground)
    try ground.checkSpace(.room(for: bytes, times: 3, and: Self.least), for: identity)
    let folder = try ground.makeFolder("server").path
    socket = "\(folder)/socket"
    guard socket.utf8.count <= Self.socketPathLimit else {
      throw DrillError.impossible(
        identity, problem: "no socket can be made in \(folder): its path is too long",
        suggestion: "Set verify_directory to a folder with a shorter path")
    }
    let data = "\(folder)/data"
    let made = try ground.context.launcher.run(
      ground.command(
        "mariadb-install-db",
        ["--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal", "--skip-test-db"]),
      seconds: Self.patience, cancellation: ground.context.cancellation)
    guard made.status.isSuccess else {
      throw DrillError.serverFailed(identity, program: "mariadb-install-db", lines: made.errorLines)
    }
    server = try ground.context.launcher.launch(
      ground.command(
        program,
        [
          "--no-defaults", "--datadir=\(data)", "--skip-networking", "--socket=\(socket)", "--pid-file=\(folder)/pid",
          "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin", "--local-infile=0",
          "--event-scheduler=OFF", "--max-allowed-packet=1G",
        ]))
    let address = ServerAddress(hostname: nil, port: nil, username: Self.superuser, password: nil)
    let entry = MariaDBEntry(.empty, dialect, identity, address, for: .restore).only(socket)
    session = MariaDBSession(
      identity: identity, connection: entry.connection, options: [], context: ground.context)
    do {
      try awaitServer(identity)
    } catch {
      remove()
      throw error
    }
  }

  private static func program(for facts: DumpFacts, _ ground: DrillGround) throws -> String {
    guard facts.serverVersion?.holds("MariaDB") ?? true else {
      throw DrillError.impossible(
        facts.identity, problem: "dumps of MySQL's own server cannot be restored to a throw-away server yet",
        suggestion: nil)
    }
    let path = (ground.context.environment["PATH"] ?? "").parts(by: ":", keepingEmpty: false)
    let programs = (path + folders).map { folder in "\(folder)/mariadbd" }
    guard let program = programs.first(where: { path in access(path, X_OK) == 0 }) else {
      throw DrillError.impossible(
        facts.identity, problem: "no MariaDB server is installed on this machine", suggestion: installation)
    }
    return program
  }

  /// - Throws: `DrillError.impossible` when the dump is of a newer server.
  private static func version(of program: String, for facts: DumpFacts, _ ground: DrillGround) throws -> String {
    let told = try ground.context.launcher.run(
      ground.command(program, ["--no-defaults", "--version"]), cancellation: ground.context.cancellation)
    let words = told.text.words
    let text = words.first { $0.holds("MariaDB") } ?? "MariaDB"
    let number = text.parts(by: "-")[0]
    guard let wanted = facts.serverVersion.map({ $0.after(beginning: "5.5.5-") ?? $0 }) else {
      return "MariaDB \(number)"
    }
    let newer = wanted.parts(by: "-")[0].parts(by: ".").prefix(2).map { Int($0) ?? 0 }
    guard MariaDBVersion(text).isMariaDB(from: newer) else {
      throw DrillError.impossible(
        facts.identity,
        problem:
          "it is of a server of version \(Quoting.terminal(wanted)), and the one that is installed here is \(number)",
        suggestion: "Verify on a machine with that version or a newer one")
    }
    return "MariaDB \(number)"
  }

  private func awaitServer(_ identity: DumpIdentity) throws {
    let deadline = ground.context.clock.steadySeconds() + Self.patience
    while true {
      if let rows = try? session.query("SELECT @@socket", 1) {
        guard rows.first?.first?.isSame(as: socket) == true else {
          throw DrillError.impossible(
            identity, problem: "the client reached another server than the one that was made for it", suggestion: nil)
        }
        return
      }
      try ground.context.cancellation.check()
      let isOver = server.wait(seconds: 0) != nil
      guard !isOver, ground.context.clock.steadySeconds() < deadline else {
        server.terminate()
        throw DrillError.serverFailed(identity, program: "mariadbd", lines: server.lastErrorLines)
      }
      try ground.context.cancellation.sleep(0.1)
    }
  }

  // MARK: - The place

  var target: RestoreTarget {
    var target = RestoreTarget(username: Self.superuser)
    target.socketPath = socket
    return target
  }

  /// Without the address of its own server.
  func facts(_ facts: DumpFacts) -> DumpFacts {
    var facts = facts
    facts.identity = DumpIdentity(
      hook: facts.identity.hook, database: facts.identity.database, label: facts.identity.label,
      advice: facts.identity.advice)
    return facts
  }

  var observer: (any ByteSink)? { census }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    let database = facts.identity.database
    let name = Quoting.mariadbLiteral(database)
    var content = DumpContent()
    let tables = try session.query(
      """
      SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = \(name)
      AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME
      """, 2)
    for row in tables {
      let shown = MariaDBStreamCensus.shown(database, row[0])
      // A dump may have rows of the past, which no plain query counts.
      let isPlain = row[1].isSame(as: "BASE TABLE")
      let count = isPlain ? try session.query("SELECT COUNT(*) FROM \(shown)", 1).first?.first : nil
      content.tables.append(.init(name: shown, rows: count.flatMap { UInt64($0) }))
    }
    for (kind, relation, column) in [
      ("view", "VIEWS", "TABLE_SCHEMA"), ("trigger", "TRIGGERS", "TRIGGER_SCHEMA"), ("event", "EVENTS", "EVENT_SCHEMA"),
    ] {
      let rows = try session.query("SELECT COUNT(*) FROM information_schema.\(relation) WHERE \(column) = \(name)", 1)
      content.objects[kind] = rows.first?.first.flatMap { Int($0) }
    }
    return DrillFindings(content: content, dumped: census.content)
  }

  func remove() {
    server.terminate()
  }
}
