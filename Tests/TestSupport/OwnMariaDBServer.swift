import CofferSystem
import Foundation

/// A MariaDB server of a test's own, with a binary log, which may be killed, damaged and started anew; it ends with the value.
public final class OwnMariaDBServer {
  /// Of the server's user; the socket is in it, and what a test lays beside the data.
  public let folder: String
  private let settings: [String]
  private var process: ChildProcess?

  public struct Failed: Error, CustomStringConvertible {
    public let description: String
  }

  /// Makes and starts it. Whoever can reach its socket may be root there without a password.
  ///
  /// - Parameter settings: More arguments of mariadbd.
  public init(_ settings: [String] = []) throws {
    folder = NSTemporaryDirectory() + "mariadb-\(UInt32.random(in: 0 ... .max))"
    self.settings = settings
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    if geteuid() == 0, let account = getpwnam("mysql") {
      chown(folder, account.pointee.pw_uid, account.pointee.pw_gid)
    }
    try run([
      "mariadb-install-db", "--no-defaults", "--datadir=\(data)", "--tmpdir=\(folder)",
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ])
    try start()
  }

  deinit {
    crash()
    try? FileManager.default.removeItem(atPath: folder)
  }

  public var data: String { folder + "/data" }
  public var socket: String { folder + "/s" }

  /// The lines of an entry of `mariadb_servers`.
  public func entry(_ more: String..., user: String = "root") -> String {
    (["  - name: main", "    socket_path: \(socket)", "    username: \(user)"] + more.map { "    \($0)" })
      .joined(separator: "\n") + "\n"
  }

  /// What runs a program as the server's user.
  private var asServer: [String] {
    geteuid() == 0 ? ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", "--"] : ["env"]
  }

  private func command(_ words: [String]) -> ChildCommand {
    let all = asServer + words
    return ChildCommand(
      all[0], Array(all.dropFirst()),
      environment: ProcessEnvironment(["PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C", "HOME": folder]),
      workingDirectory: folder)
  }

  /// Starts the server, and waits until it answers.
  ///
  /// - Parameter other: Another data directory than its own.
  public func start(in other: String? = nil) throws {
    let own = [
      "--no-defaults", "--datadir=\(other ?? data)", "--tmpdir=\(folder)", "--socket=\(socket)", "--skip-networking",
      "--log-bin=binlog",
      "--server-id=7",
      "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--innodb-fast-shutdown=2",
      "--pid-file=\(folder)/pid",
    ]
    process = try SystemProcessLauncher().launch(command(["mariadbd"] + own + settings))
    let deadline = Date().addingTimeInterval(60)
    while (try? sql("SELECT 1")) == nil {
      guard Date() < deadline, process?.wait(seconds: 0) == nil else {
        throw Failed(description: "mariadbd: \(process?.lastErrorLines ?? [])")
      }
      usleep(50_000)
    }
  }

  /// Ends the server at once, whatever it is doing.
  public func crash() {
    guard let process else { return }
    kill(process.identifier, SIGKILL)
    _ = process.wait(seconds: 30)
    self.process = nil
  }

  public func stop() {
    process?.terminate()
    process = nil
  }

  /// Runs SQL; the rows with fields parted by tabs.
  @discardableResult
  public func sql(_ text: String, in database: String = "") throws -> String {
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "mariadb",
        [
          "--no-defaults", "--socket=\(socket)", "--user=root", "--batch", "--skip-column-names", "--binary-mode",
          "--comments",
          "--database=\(database)",
        ], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])),
      input: Array(text.utf8), outputLimit: 1 << 26, seconds: 120)
    guard result.status.isSuccess else { throw Failed(description: result.errorLines.joined(separator: "\n")) }
    return result.text.trimmingCharacters(in: .newlines)
  }

  /// The files of the binary log, and their bytes.
  public func binaryLog() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for line in try sql("SHOW BINARY LOGS").split(separator: "\n") {
      let name = String(line.prefix { $0 != "\t" })
      files[name] = [UInt8](FileManager.default.contents(atPath: "\(data)/\(name)") ?? Data())
    }
    return files
  }

  /// Everything that the server's databases hold, as mariadb-dump writes it, accounts included.
  public func content() throws -> String {
    try run([
      "mariadb-dump", "--no-defaults", "--socket", socket, "--user", "root", "--all-databases", "--skip-comments",
      "--order-by-primary", "--events", "--routines",
    ])
  }

  /// Runs a program as the server's user.
  @discardableResult
  public func run(_ words: [String]) throws -> String {
    let result = try SystemProcessLauncher().run(command(words), outputLimit: 1 << 28, seconds: 120)
    guard result.status.isSuccess else {
      throw Failed(description: words.joined(separator: " ") + ": " + result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }
}
