import CofferSystem
import Foundation

/// A MariaDB server of a test's own, which may be stopped, damaged and laid down anew; it ends with the value.
public final class MariaDBInstance {
  /// Of the server's user; sockets are in it, and what a test lays beside the data.
  public let folder: String
  private var process: ChildProcess?
  private let settings: [String]

  public struct Failed: Error, CustomStringConvertible {
    public let description: String
  }

  /// Makes and starts it. Whoever can reach its socket can log in as root, without a password.
  public init(settings: [String] = []) throws {
    self.settings = settings
    folder = NSTemporaryDirectory() + "instance-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    if geteuid() == 0, let account = getpwnam("mysql") {
      chown(folder, account.pointee.pw_uid, account.pointee.pw_gid)
    }
    try run([
      "mariadb-install-db", "--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ])
    try start()
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  public var data: String { "\(folder)/data" }
  public var socket: String { "\(folder)/socket" }

  /// The lines of an entry of `mariadb_servers`.
  public func entry(_ more: String..., user: String = "root") -> String {
    let lines = ["  - name: main", "    base_backup: true", "    socket_path: \(socket)", "    username: \(user)"]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  private static var asServer: [String] {
    geteuid() == 0 ? ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", "--"] : ["env"]
  }

  private func command(_ words: [String]) -> ChildCommand {
    let all = Self.asServer + words
    return ChildCommand(
      all[0], Array(all.dropFirst()),
      environment: ProcessEnvironment(["PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C"]), workingDirectory: "/",
      output: .pipe)
  }

  /// Starts the server in a data directory, and waits until it answers.
  public func start(_ data: String? = nil) throws {
    let process = try SystemProcessLauncher().launch(
      command(
        [
          "mariadbd", "--no-defaults", "--datadir=\(data ?? self.data)", "--socket=\(socket)",
          "--pid-file=\(folder)/pid",
          "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M",
          "--log-error=\(folder)/log",
        ] + settings))
    self.process = process
    for _ in 0..<600 {
      if (try? sql("SELECT 1")) != nil { return }
      guard process.wait(seconds: 0.1) == nil else { break }
    }
    let log = (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? ""
    throw Failed(description: "the server did not come up: \(log.suffix(2000))")
  }

  /// Ends it at once.
  public func stop() {
    guard let process else { return }
    kill(process.identifier, SIGTERM)
    _ = process.wait(seconds: 30)
    process.terminate()
    self.process = nil
  }

  /// Runs SQL; the rows with fields parted by tabs.
  @discardableResult
  public func sql(_ text: String) throws -> String {
    try run(
      ["mariadb", "--no-defaults", "--socket", socket, "--user", "root", "--batch", "-N", "--binary-mode"], input: text
    ).trimmingCharacters(in: .newlines)
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
  public func run(_ words: [String], input: String = "") throws -> String {
    let result = try SystemProcessLauncher().run(
      command(words), input: Array(input.utf8), outputLimit: 1 << 28, seconds: 120)
    guard result.status.isSuccess else {
      throw Failed(description: words.joined(separator: " ") + ": " + result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }
}
