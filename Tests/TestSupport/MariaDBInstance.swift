import CofferSystem
import Foundation

/// A MariaDB server of a test's own, with a binary log, which may be killed and started again; it ends with the value.
public final class MariaDBInstance {
  /// Of the server's user; the socket is in it.
  public let folder: String
  private let settings: [String]
  private var process: ChildProcess?

  public struct Failed: Error, CustomStringConvertible {
    public let description: String
  }

  /// Makes and starts it.
  ///
  /// - Parameter settings: More arguments of the server.
  public init(_ settings: String...) throws {
    // Short, because a socket is in it.
    folder = "/tmp/coffer-maria-\(UUID().uuidString.prefix(8))"
    self.settings = settings
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    if geteuid() == 0, let account = getpwnam("mysql") { chown(folder, account.pointee.pw_uid, account.pointee.pw_gid) }
    let made = try SystemProcessLauncher().run(
      command(
        "mariadb-install-db",
        ["--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal", "--skip-test-db"]),
      seconds: 120)
    guard made.status.isSuccess else { throw Failed(description: made.errorLines.joined(separator: "\n")) }
    try start()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  public var data: String { "\(folder)/data" }
  public var socket: String { "\(folder)/socket" }

  private func command(_ program: String, _ arguments: [String]) -> ChildCommand {
    let user = geteuid() == 0 ? ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", "--"] : ["env"]
    let all = user + [program] + arguments
    return ChildCommand(
      all[0], Array(all.dropFirst()), environment: ProcessEnvironment(["PATH": "/usr/sbin:/usr/bin:/bin"]),
      workingDirectory: "/")
  }

  public func start() throws {
    process = try SystemProcessLauncher().launch(
      command(
        "mariadbd",
        [
          "--no-defaults", "--datadir=\(data)", "--socket=\(socket)", "--pid-file=\(folder)/pid", "--skip-networking",
          "--log-bin=binlog", "--server-id=7", "--binlog-format=ROW", "--innodb-flush-log-at-trx-commit=2",
          "--innodb-buffer-pool-size=32M",
        ] + settings))
    let deadline = Date().addingTimeInterval(60)
    while (try? run("SELECT 1")) == nil {
      guard Date() < deadline else { throw Failed(description: "the server does not come up") }
      usleep(50_000)
    }
  }

  /// Ends it as a machine does that loses its power.
  public func kill() {
    process?.terminate()
    process = nil
  }

  /// Runs SQL as a script; the rows with fields parted by tabs.
  @discardableResult
  public func run(_ sql: String, goesOn: Bool = false) throws -> String {
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "mariadb",
        [
          "--no-defaults", "-S", socket, "-u", "root", "--batch", "-N", "--comments", "--binary-mode",
          "--default-character-set=utf8mb4",
        ] + (goesOn ? ["--force"] : []),
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])), input: Array(sql.utf8), outputLimit: 1 << 26,
      seconds: 120)
    guard goesOn || result.status.isSuccess else {
      throw Failed(description: result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }

  /// The lines of a configuration entry for what is named so at this server.
  public func entry(_ name: String, _ more: String...) -> String {
    let lines = ["  - name: \(name)", "    socket_path: \(socket)", "    username: root"]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  /// The files of the binary log, oldest first, and what they hold.
  public func logFiles() throws -> [(name: String, bytes: [UInt8])] {
    try run("SHOW BINARY LOGS").split(separator: "\n").map { line in
      let name = String(line.prefix { $0 != "\t" })
      guard let bytes = FileManager.default.contents(atPath: "\(data)/\(name)") else {
        throw Failed(description: "\(name) cannot be read")
      }
      return (name, Array(bytes))
    }
  }
}
