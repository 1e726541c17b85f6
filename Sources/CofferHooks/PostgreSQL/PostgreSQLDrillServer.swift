import CofferSystem
import Glibc

/// The server of a drill, which listens on a socket in a folder of its own and nowhere else.
final class PostgreSQLDrillServer {
  /// Where its socket is.
  let folder: String
  let connection: PostgreSQLConnection
  private let programs: String
  private let identity: DumpIdentity
  private let ground: DrillGround
  private var process: ChildProcess?

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
    self.identity = identity
    self.ground = ground
    folder = try ground.makeFolder("cluster", forSocket: ".s.PGSQL.\(Self.port)", of: identity)
    let address = ServerAddress(hostname: folder, port: Self.port, username: Self.superuser, password: nil)
    connection = PostgreSQLEntry(.empty, identity, address).finding(installations, context: ground.context).connection
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
    if process.wait(seconds: 0) == nil { kill(process.identifier, SIGQUIT) }
    _ = process.wait(seconds: 10)
    process.terminate()
  }
}
