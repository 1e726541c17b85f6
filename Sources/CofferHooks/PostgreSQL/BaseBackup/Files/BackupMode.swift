import CofferSystem
import Glibc

/// A server's backup mode, over a connection like others: between its beginning and its end the server's files may be read while it
/// works, and its log makes them one state
/// (https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP). It ends with the connection.
final class BackupMode {
  /// What belongs to the files that were read.
  struct End {
    let position: LogSequenceNumber
    let timeline: UInt32
    /// `backup_label`.
    let label: [UInt8]
    /// `tablespace_map`; empty where there are no tablespaces.
    let tablespaceMap: [UInt8]
  }

  let server: ReplicatedServer
  /// Bytes.
  let pageSize: Int
  /// Pages of each of a relation's files.
  let pagesInFile: UInt32
  private let connection: ReplicationConnection
  private let clock: Clock
  /// Seconds that the server may take to begin or end it, which has it write down what it holds in memory; nil for as long as it likes.
  private let stall: Double?

  private static let database = "postgres"
  /// Seconds that other answers are waited for.
  private static let patience: Double = 60
  /// Servers from here on have other names for it.
  private static let firstOfNewNames = 150_000
  private static let begin = "the start of the backup mode"
  private static let stop = "the end of the backup mode"

  /// Connects.
  ///
  /// - Throws: `ReplicationError`; `ReplicatedServer.Unintelligible`; `RunCancelled`; `SystemError`.
  init(of server: ReplicationServer, context: HookContext) throws {
    connection = try ReplicationConnection(
      to: server, name: BaseBackupDump.sessionName, database: Self.database, clock: context.clock,
      cancellation: context.cancellation)
    clock = context.clock
    stall = context.limits.stall
    // Nothing of the database stands in for what is asked, and nobody ends a session that is silent while files are read.
    _ = try connection.query(
      "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false), pg_catalog.set_config('statement_timeout', '0', false)",
      until: clock.steadySeconds() + Self.patience)
    if connection.serverVersion >= 140_000 {
      _ = try connection.query(
        "SET idle_session_timeout = 0", until: clock.steadySeconds() + Self.patience)
    }
    self.server = try ReplicatedServer(
      connection, identifying: "SELECT system_identifier AS systemid FROM pg_catalog.pg_control_system()")
    let sizes =
      "SELECT pg_catalog.current_setting('block_size') AS page, pg_catalog.pg_size_bytes(pg_catalog.current_setting('segment_size')) AS part"
    let rows = try connection.query(sizes, until: clock.steadySeconds() + Self.patience)
    guard let page = rows.text(0, "page").flatMap({ Int($0) }), (1 << 10...1 << 15).contains(page),
      page.nonzeroBitCount == 1, let part = rows.text(0, "part").flatMap({ Int($0) }),
      let pages = UInt32(exactly: part / page)
    else { throw ReplicatedServer.Unintelligible(command: sizes) }
    pageSize = page
    pagesInFile = pages
  }

  var serverVersion: Int { connection.serverVersion }
  var versionName: String? { connection.parameter("server_version") }
  var notices: [String] { connection.notices }

  private func ask(_ text: String) throws -> ReplicationRows {
    try connection.query(text, until: clock.steadySeconds() + Self.patience)
  }

  // MARK: - Whose folder it is

  /// Makes sure that a folder is the server's data directory: has the server write what nobody else knows, and looks for it there. That
  /// an identifier is the same says nothing: standbys have their primary's, and files of one with the log of another restore to rubbish.
  ///
  /// - Throws: `ServerFolderError.notOfServer`; `ReplicationError`; `RunCancelled`; `SystemError`.
  func prove(_ data: Folder) throws {
    let nonce = "coffer\(String(UInt64.random(in: 0 ... .max), radix: 16))"
    // What a held cursor has beyond this memory goes to a file, also on a standby, and without any right.
    _ = try ask("SET work_mem = '64kB'")
    _ = try ask("SET temp_tablespaces = ''")
    _ = try ask("BEGIN")
    _ = try ask(
      "DECLARE proof NO SCROLL CURSOR WITH HOLD FOR SELECT pg_catalog.repeat('\(nonce)', 64) FROM pg_catalog.generate_series(1, 1000)"
    )
    _ = try ask("COMMIT")
    let pid = try ask("SELECT pg_catalog.pg_backend_pid() AS pid").text(0, "pid").flatMap { Int32($0) }
    guard let pid else { throw ReplicatedServer.Unintelligible(command: "pg_backend_pid") }
    guard try Self.holds(nonce, of: pid, data) else { throw ServerFolderError.notOfServer(data.path) }
    _ = try ask("CLOSE proof")
  }

  private static func holds(_ nonce: String, of pid: Int32, _ data: Folder) throws -> Bool {
    do {
      let folder = try data.folder("base").folder("pgsql_tmp")
      for name in try folder.names() where name.bytes.starts(with: "pgsql_tmp\(pid).".utf8) {
        guard let file = try ServerFile(name, in: folder, path: folder.path(of: name)) else { continue }
        var bytes = [UInt8](repeating: 0, count: Int(min(file.size, 1 << 16)))
        try bytes.withUnsafeMutableBytes { try file.read(from: 0, into: $0) }
        if String(decoding: bytes, as: UTF8.self).holds(nonce) { return true }
      }
    } catch let error as SystemError where error.code == ENOENT || error.code == ENOTDIR {
      return false
    }
    return false
  }

  // MARK: - Beginning and end

  private var isOfNewNames: Bool { connection.serverVersion >= Self.firstOfNewNames }

  /// Whether the user may begin and end it.
  ///
  /// - Throws: `ReplicationError.refused` where not; what asking throws.
  func checkRight() throws {
    let functions =
      isOfNewNames
      ? ["pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"]
      : ["pg_start_backup(text, boolean, boolean)", "pg_stop_backup(boolean, boolean)"]
    for function in functions {
      let text = "SELECT pg_catalog.has_function_privilege('pg_catalog.\(function)', 'execute') AS may"
      guard try ask(text).text(0, "may")?.isSame(as: "t") == true else {
        throw ReplicationError.refused(
          place: connection.place, command: Self.begin, state: "42501",
          "permission denied for function \(function)")
      }
    }
  }

  /// Begins it.
  ///
  /// - Returns: Where recovery has to begin.
  /// - Throws: `ReplicationError`; `ReplicatedServer.Unintelligible`; `RunCancelled`; `SystemError`.
  func start() throws -> LogSequenceNumber {
    let call = isOfNewNames ? "pg_backup_start('coffer', true)" : "pg_start_backup('coffer', true, false)"
    let rows = try long("SELECT pg_catalog.\(call) AS position", Self.begin)
    guard let position = rows.text(0, "position").flatMap({ LogSequenceNumber($0) }) else {
      throw ReplicatedServer.Unintelligible(command: Self.begin)
    }
    return position
  }

  /// Ends it.
  ///
  /// - Throws: As `start`.
  func end() throws -> End {
    let call = isOfNewNames ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)"
    let rows = try long("SELECT lsn, labelfile, spcmapfile FROM pg_catalog.\(call)", Self.stop)
    guard let position = rows.text(0, "lsn").flatMap({ LogSequenceNumber($0) }),
      let label = rows.bytes(0, "labelfile"), !label.isEmpty
    else { throw ReplicatedServer.Unintelligible(command: Self.stop) }
    return End(
      position: position, timeline: try timeline(at: position), label: label,
      tablespaceMap: rows.bytes(0, "spcmapfile") ?? [])
  }

  private func long(_ text: String, _ title: String) throws -> ReplicationRows {
    try connection.query(text, until: stall.map { clock.steadySeconds() + $0 }, called: title)
  }

  private func timeline(at position: LogSequenceNumber) throws -> UInt32 {
    let isStandby = try ask("SELECT pg_catalog.pg_is_in_recovery() AS standby").text(0, "standby")
    if isStandby?.isSame(as: "t") == true {
      let rows = try ask("SELECT min_recovery_end_timeline AS timeline FROM pg_catalog.pg_control_recovery()")
      if let timeline = rows.text(0, "timeline").flatMap({ UInt32($0) }) { return timeline }
    } else {
      let rows = try ask("SELECT pg_catalog.pg_walfile_name('\(position.text)') AS name")
      if let name = rows.text(0, "name").flatMap({ WALFileName($0) }) { return name.timeline }
    }
    throw ReplicatedServer.Unintelligible(command: Self.stop)
  }
}
