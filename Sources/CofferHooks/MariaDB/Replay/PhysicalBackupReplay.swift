import CofferSystem
import Glibc

/// A whole MariaDB server brought forward from its physical backup: a server of its series runs in the folder that was laid down, and reads
/// the log as a replica does.
///
/// All of the log counts, with accounts and with what is about no database. It runs as whom the files belong to, without a network and
/// without rights beyond those: what it could do, the server that is started in the folder afterwards can do, too.
public final class PhysicalBackupReplay {
  private let identity: DumpIdentity
  private let ground: DrillGround
  private let log: ReplayLog
  private let installed: MariaDBInstalledServer
  /// Whether the server takes great and small letters of names for the same.
  private let foldsCase: Bool
  /// See `SystemTimeZone`.
  private let timeZone: String?

  /// Seconds for the start of a server in files that may be large.
  private static let patience: Double = 3600
  /// What the run leaves there that a server has no use for: list of connections to other servers; of transactions over several engines.
  private static let remains: [EntryName] = ["multi-master.info", "tc.log"]

  /// - Parameters:
  ///   - facts: Of the backup.
  ///   - log: Finished, on the same ground.
  ///   - ground: Of the files' owner.
  /// - Throws: `ReplayError`; `LaunchError`; `RunCancelled`.
  public init(of facts: DumpFacts, _ log: ReplayLog, on ground: DrillGround) throws {
    identity = facts.identity
    foldsCase = facts.details[MariaDBServerFacts.foldingKey] != nil
    timeZone = facts.details[SystemTimeZone.key]
    self.log = log
    self.ground = ground
    installed = try Self.server(for: facts, on: ground)
  }

  /// Finds the server that is to replay, before anything is done.
  ///
  /// - Throws: `ReplayError`; `LaunchError`; `RunCancelled`.
  public static func check(_ facts: DumpFacts, on ground: DrillGround) throws {
    _ = try server(for: facts, on: ground)
  }

  private static func server(for facts: DumpFacts, on ground: DrillGround) throws -> MariaDBInstalledServer {
    let installed = try ReplayError.telling { try MariaDBInstalledServer(for: facts, ground) }
    // A newer one changes the files so that the server's own cannot read them any more.
    guard let version = facts.serverVersion, ServerRelease(installed.version) == ServerRelease(version) else {
      throw ReplayError.noServer(
        facts.identity, problem: "it has to be of the backup's series, and \(installed.title) is installed",
        suggestion: "Install the server of series \(Quoting.terminal(facts.serverVersion ?? "")), which need not run")
    }
    return installed
  }

  /// Brings what was laid down and prepared further.
  ///
  /// - Parameters:
  ///   - folder: The data directory.
  ///   - tell: Is told how far the server has come: a position.
  /// - Returns: Warnings: what is otherwise than it was.
  /// - Throws: `ReplayError`; `DrillError`; `RestoreError`; `ClusterError`; `SystemError`; `RunCancelled`.
  public func run(in folder: Folder, _ tell: (String) -> Void) throws -> [String] {
    guard let end = log.end, let first = log.starts.first, end != first else { return [] }
    let account = try Account(on: ground)
    let server = try MariaDBDrillServer(
      of: identity, on: ground, .mariadb, as: account.name, password: account.password)
    defer { server.remove() }
    try ReplayError.telling {
      try server.start(
        installed, in: folder.path,
        PhysicalBackupSettings(in: folder).serverArguments + ReplicaRun.arguments(log, .mariadb) + [
          "--init-file=\(account.path)", "--master-info-file=\(account.folder)/master.info",
          "--relay-log-info-file=\(account.folder)/relay-log.info", "--innodb-buffer-pool-dump-at-shutdown=OFF",
          "--innodb-buffer-pool-load-at-startup=OFF", "--lower-case-table-names=\(foldsCase ? 1 : 0)",
        ], seconds: Self.patience)
    }
    let replica = ReplicaRun(of: log, in: server.session) { server.lastLines }
    let before = try sleeping(server.session)
    try replica.begin(at: first)
    try replica.replay(to: end, isEnd: true, tell)
    try check(try server.session.query("SELECT @@gtid_slave_pos", 1).first?.first ?? "")
    let disabled = try sleeping(server.session).filter { !before.contains($0) }
    var warnings = Self.warnings(disabled)
    if log.goesBySystemTime {
      let here = try SystemTimeZone.offsets { try server.session.query($0, 1) }
      warnings += [SystemTimeZone.warning(timeZone, here: here)].compactMap(\.self)
    }
    _ = try server.session.query("RESET SLAVE ALL; DROP USER \(account.quoted); SHUTDOWN", 0)
    guard try server.waitForEnd() else {
      throw ReplayError.failed(server.lastLines?.last ?? "the server did not end well", at: "")
    }
    for name in Self.remains { try folder.removeTree(name) }
    return warnings
  }

  /// What enables each event that is disabled as on a replica. It keeps whom the event acts for, which a statement that does not say that
  /// changes.
  ///
  /// - Returns: Nothing as well where the server's tables of events are damaged: then none of them runs.
  /// - Throws: `RunCancelled`.
  private func sleeping(_ session: MariaDBSession) throws -> [String] {
    let rows: [[String]]
    do {
      rows = try session.query(
        """
        SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE STATUS = 'SLAVESIDE_DISABLED' \
        ORDER BY 1, 2
        """, 3)
    } catch is RestoreError {
      return []
    }
    return rows.map { row in
      let event = "\(Quoting.mariadbIdentifier(row[0])).\(Quoting.mariadbIdentifier(row[1]))"
      return "ALTER DEFINER = \(MariaDBAccounts.Account(current: row[2]).quoted) EVENT \(event) ENABLE"
    }
  }

  private static let namedEvents = 20

  private static func warnings(_ statements: [String]) -> [String] {
    guard !statements.isEmpty else { return [] }
    let more = statements.count > namedEvents ? "; and \(statements.count - namedEvents) more" : ""
    return [
      "Events that were made or changed behind the backup are disabled, as on a replica. When the server is to work, run: "
        + statements.prefix(namedEvents).map { Quoting.terminal($0) }.joined(separator: "; ") + more
    ]
  }

  /// That the server has the last transaction.
  private func check(_ position: String) throws(ReplayError) {
    guard case .mariadb(let gtid) = log.reached?.gtid else { return }
    guard GTIDPosition(position)?.includes(gtid) == true else {
      throw .failed("the server is at \(position) behind the replay, and not at \(gtid.text)", at: "")
    }
  }

  /// Who replays. The accounts of the backup count, and nobody's password is known: so the server makes one as it starts, and it is gone when
  /// the server ends.
  private struct Account {
    let name = "coffer_\(MariaDBScratch.mark())"
    /// Of every kind of character, for servers that look at that.
    let password = "Aa1-\(MariaDBScratch.mark())\(MariaDBScratch.mark())"
    let folder: String
    let path: String

    private static let file: EntryName = "start.sql"

    var quoted: String { "\(Quoting.mariadbLiteral(name))@localhost" }

    /// Writes down what the server is to do as it starts.
    ///
    /// - Throws: `SystemError`.
    init(on ground: DrillGround) throws {
      let folder = try ground.makeFolder("replay")
      self.folder = folder.path
      path = folder.path(of: Self.file)
      let text = """
        CREATE USER \(quoted) IDENTIFIED BY \(Quoting.mariadbLiteral(password));
        GRANT ALL PRIVILEGES ON *.* TO \(quoted);

        """
      let file = try folder.open(Self.file, flags: O_WRONLY | O_CREAT | O_EXCL)
      try ground.account?.own(file.number, path)
      try Array(text.utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    }
  }
}
