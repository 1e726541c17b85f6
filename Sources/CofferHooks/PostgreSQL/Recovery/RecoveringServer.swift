import CofferConfiguration
import CofferSystem
import Glibc

/// A server that recovers in a cluster that was laid down, reached by a socket in its own folder and by nothing else. It goes on when this
/// program ends.
public struct RecoveringServer {
  /// Where it stands.
  public struct Standing: Sendable, Equatable {
    public let isRecovering: Bool
    /// Whether it waits at its target for a person's word.
    public let isPaused: Bool
    /// How far the log is replayed; nil where the server does not say it.
    public let position: LogSequenceNumber?
    /// When the last transaction that it has was committed, in the server's words; empty for none.
    public let lastCommit: String
  }

  private let programs: String
  private let folder: Folder
  private let directory: String
  private let owner: ServerOwner?
  private let connection: PostgreSQLConnection
  private let context: HookContext

  private static let port = 5432
  private static let log: EntryName = "coffer-restore.log"
  private static let access: EntryName = "coffer-restore.hba"
  /// Seconds until the server has to have begun.
  private static let patience: Double = 60
  private static let logLimit = 64 << 20

  /// Settings that a standby must have at least as large as its primary had, by what `pg_controldata` calls them.
  private static let mirrored = [
    "max_connections": "max_connections", "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders", "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
  ]

  /// - Parameters:
  ///   - major: Of its version.
  ///   - directory: Absolute.
  ///   - user: Of its database, a superuser for example.
  /// - Throws: `ClusterError` where it cannot be started from here.
  public init(
    major: Int, _ installations: PostgreSQLInstallations = .standard, in directory: String, owner: ServerOwner?,
    user: String, context: HookContext
  ) throws {
    guard let programs = installations.server(major: major) else { throw Self.missing(major, directory) }
    self.programs = programs
    self.directory = directory
    guard SocketPath.fits(".s.PGSQL.\(Self.port)", in: directory) else {
      throw ClusterError.unfitPlace(directory, problem: "No socket can be made there: the path is too long for --start")
    }
    folder = try Folder(opening: directory)
    self.owner = owner
    self.context = context
    let address = ServerAddress(hostname: directory, port: Self.port, username: user, password: nil)
    connection = PostgreSQLConnection(.empty, to: address).passingWrappers(of: installations)
  }

  /// What is said where the programs of a version are not found.
  public static func missing(_ major: Int, _ directory: String) -> ClusterError {
    .unfitPlace(
      directory,
      problem:
        "The server's programs of PostgreSQL \(major) are not found here: on Debian, apt-get install postgresql-\(major)"
    )
  }

  /// Starts it, and waits until it is at its target, or at the end of its log.
  ///
  /// - Parameter tell: Told where it stands each time it is asked.
  /// - Throws: `ClusterError.serverFailed`; `LaunchError`; `SystemError`; `RunCancelled`.
  public func start(_ tell: (Standing) -> Void) throws -> Standing {
    var limits = try limits()
    while true {
      if let standing = try start(limits, tell) { return standing }
      // The server has written down what the log says of these. One that was larger before may be so once more.
      let larger = limits.merging(try self.limits(), uniquingKeysWith: max)
      guard larger != limits else { throw failed() }
      limits = larger
    }
  }

  /// - Returns: nil where the log says that a setting became larger than `limits` have it: the server has ended there.
  private func start(_ limits: [String: Int], _ tell: (Standing) -> Void) throws -> Standing? {
    try folder.removeTree(Self.log)
    // Nobody but its own user comes to the socket.
    let path = folder.path(of: Self.access)
    try folder.replace(Self.access) { [owner] file in
      try owner?.own(file.number, path)
      try Array("local all all trust\n".utf8).withUnsafeBytes { try file.writeAll($0, subject: path) }
    }
    defer { try? folder.removeTree(Self.access) }
    let started = try context.launcher.run(command(limits), cancellation: context.cancellation)
    guard started.status.isSuccess else { throw failed() }
    do {
      let standing = try wait(tell)
      // From version 14 on it waits there, as it does at its target.
      guard standing.isPaused, hasTooLittle else { return standing }
      guard try context.launcher.run(stop("-w"), cancellation: context.cancellation).status.isSuccess else {
        throw failed()
      }
      return nil
    } catch let error as RunCancelled {
      // Nobody is left who waits for it.
      _ = try? context.launcher.run(stop("-W"), cancellation: nil)
      throw error
    } catch is ClusterError where hasTooLittle && process() == nil {
      return nil
    }
  }

  /// As its own user, who alone says which process it is.
  private func stop(_ wait: String) -> ChildCommand {
    asOwner(["\(programs)/pg_ctl", "stop", "-D", directory, "-m", "fast", wait])
  }

  /// Whether it has found in the log that its primary had a larger setting.
  private var hasTooLittle: Bool { said.contains { $0.holds(" is a lower setting than on the ") } }

  /// The lines that it has written.
  private var said: [String] {
    String(decoding: (try? folder.read(Self.log, limit: Self.logLimit)) ?? [], as: UTF8.self).lines()
  }

  private func wait(_ tell: (Standing) -> Void) throws -> Standing {
    let deadline = context.clock.steadySeconds() + Self.patience
    var identifier: pid_t?
    while true {
      try context.cancellation.check()
      identifier = identifier ?? process()
      if let standing = try standing() {
        tell(standing)
        if !standing.isRecovering || standing.isPaused { return standing }
      }
      let isOver = identifier.map { kill($0, 0) != 0 && errno == ESRCH } ?? false
      guard !isOver, identifier != nil || context.clock.steadySeconds() < deadline else { throw failed() }
      try context.cancellation.sleep(0.2)
    }
  }

  private func failed() -> ClusterError {
    let lines = said
    // Who asks where it stands is answered with a FATAL, too.
    let reasons = lines.filter { line in
      ["FATAL:", "HINT:", "PANIC:"].contains { line.holds($0) }
        && !line.holds("not yet accepting connections") && !line.holds("is starting up")
    }
    return .serverFailed(directory, lines: reasons.isEmpty ? lines : reasons, log: folder.path(of: Self.log))
  }

  /// The server's process as its own file has it.
  private func process() -> pid_t? {
    guard let bytes = try? folder.read("postmaster.pid", limit: 1 << 16) else { return nil }
    return String(decoding: bytes, as: UTF8.self).lines().first.flatMap { pid_t($0.trimmed) }.flatMap {
      $0 > 0 ? $0 : nil
    }
  }

  private func standing() throws -> Standing? {
    let question: PostgreSQLStatement = """
      SELECT r, CASE WHEN r THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END, \
      pg_catalog.pg_last_wal_replay_lsn(), pg_catalog.pg_last_xact_replay_timestamp() \
      FROM (SELECT pg_catalog.pg_is_in_recovery() AS r) s
      """
    let result = try connection.queryServer(question, context: context)
    guard result.status.isSuccess, let row = PostgreSQLAnswer(result, columns: 4)?.rows.first else { return nil }
    let fields = row.map { $0?.shown ?? "" }
    return Standing(
      isRecovering: fields[0].isSame(as: "t"), isPaused: fields[1].isSame(as: "t"),
      position: LogSequenceNumber(fields[2]),
      lastCommit: fields[3])
  }

  // MARK: - The command

  private func command(_ limits: [String: Int]) throws(SystemError) -> ChildCommand {
    let settings = [
      "listen_addresses=", "port=\(Self.port)", "unix_socket_directories=\(directory)", "unix_socket_permissions=0700",
      "data_directory=\(directory)", "hba_file=\(folder.path(of: Self.access))", "external_pid_file=", "ssl=off",
      "hot_standby=on", "logging_collector=off", "log_destination=stderr", "lc_messages=C",
      // None of them is there to be waited for.
      "synchronous_standby_names=",
    ]
    // Debian keeps the server's own elsewhere than in its folder.
    let file = try folder.holds("postgresql.conf") ? [] : ["config_file=/dev/null"]
    let all = settings + file + limits.map { "\($0.key)=\($0.value)" }.sorted()
    let words =
      ["setsid", "--fork", "\(programs)/postgres", "-D", directory] + all.flatMap { ["-c", $0] }
    var command = asOwner(["sh", "-c", "umask 077; exec \"$@\" >>\"$0\" 2>&1", folder.path(of: Self.log)] + words)
    command.leavesBackground = true
    command.endsWithStarter = false
    return command
  }

  private func asOwner(_ words: [String]) -> ChildCommand {
    ServerOwner.command(words, as: owner, context.environment)
  }

  /// What the cluster was last run with: a server that answers while it recovers must not have less.
  private func limits() throws -> [String: Int] {
    let result = try context.launcher.run(
      asOwner(["env", "LC_ALL=C", "\(programs)/pg_controldata", "-D", directory]), cancellation: context.cancellation)
    guard result.status.isSuccess else {
      throw ClusterError.serverFailed(directory, lines: result.errorLines, log: folder.path(of: Self.log))
    }
    return result.text.lines().reduce(into: [:]) { limits, line in
      let parts = line.parts(by: " setting:", limit: 2)
      guard parts.count == 2, let name = Self.mirrored[parts[0]], let value = Int(parts[1].trimmed) else { return }
      limits[name] = value
    }
  }
}
