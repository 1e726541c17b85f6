import CofferSystem
import Foundation

/// A PostgreSQL server of a test's own, which may be damaged, stopped and laid down anew; it ends with the value.
public final class PostgreSQLCluster {
  /// Of the server's user; sockets are in it, and what a test lays beside the data.
  public let folder: String
  /// The newest version's.
  public let programs: String

  public struct Failed: Error, CustomStringConvertible {
    public let description: String
  }

  /// Makes and starts it. Whoever can reach its socket is a superuser there.
  ///
  /// - Parameters:
  ///   - options: Of initdb.
  ///   - settings: Lines of its configuration.
  public init(_ options: [String] = [], settings: [String] = []) throws {
    programs = try Self.newestPrograms()
    folder = NSTemporaryDirectory() + "cluster-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    if geteuid() == 0, let account = getpwnam("postgres") {
      chown(folder, account.pointee.pw_uid, account.pointee.pw_gid)
    }
    let common = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    try run(["\(programs)/initdb"] + common + options)
    try configure(settings)
    try start()
  }

  deinit {
    try? stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The folder with the programs of the newest version that is installed.
  public static func newestPrograms() throws -> String {
    let versions = "/usr/lib/postgresql"
    let newest = try FileManager.default.contentsOfDirectory(atPath: versions).compactMap { Int($0) }.max()
    guard let newest else { throw Failed(description: "no server is installed") }
    return "\(versions)/\(newest)/bin"
  }

  public var data: String { folder + "/data" }

  /// The lines of an entry of `postgresql_clusters`.
  public func entry(_ more: String..., user: String = "postgres") -> String {
    let lines = ["  - name: main", "    base_backup: true", "    hostname: \(folder)", "    username: \(user)"]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  /// Adds settings, which count from the next start on.
  ///
  /// - Parameter data: Another data directory in the folder.
  public func configure(_ settings: [String], in data: String? = nil) throws {
    let all = [
      "listen_addresses = ''", "unix_socket_directories = '\(folder)'", "fsync = off", "max_connections = 20",
      "autovacuum = off",
    ]
    try run(
      ["sh", "-c", "cat >> \"$0\"", "\(data ?? self.data)/postgresql.auto.conf"],
      input: (all + settings).joined(separator: "\n") + "\n")
  }

  /// Damages the fourth page of a file.
  ///
  /// - Parameter path: Below the data directory, of a relation whose pages are on the disk.
  public func damagePage(of path: String) throws {
    guard let file = FileHandle(forUpdatingAtPath: "\(data)/\(path)") else {
      throw Failed(description: "\(path) cannot be written to")
    }
    try file.seek(toOffset: 8192 * 3 + 5000)
    try file.write(contentsOf: Data([1, 2, 3]))
    try file.close()
  }

  /// Starts the server in a data directory.
  public func start(_ data: String? = nil) throws {
    try run([
      "\(programs)/pg_ctl", "-D", data ?? self.data, "-w", "-t", "60", "-s", "-l", "\(folder)/server.log", "start",
    ])
  }

  public func stop(_ data: String? = nil) throws {
    try run(["\(programs)/pg_ctl", "-D", data ?? self.data, "-w", "-s", "-m", "immediate", "stop"])
  }

  /// Runs SQL; the rows with fields parted by `|`.
  @discardableResult
  public func sql(_ text: String, in database: String = "postgres") throws -> String {
    try run(
      [
        "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-U", "postgres", "-d", database, "-f",
        "-",
      ], input: text
    ).trimmingCharacters(in: .newlines)
  }

  /// Everything that the server holds, as pg_dumpall writes it.
  public func content() throws -> String {
    try run(["\(programs)/pg_dumpall", "-h", folder, "-U", "postgres"]).split(separator: "\n")
      .filter { !$0.hasPrefix("\\") && !$0.hasPrefix("--") }.joined(separator: "\n")
  }

  /// Runs a program as the server's user.
  @discardableResult
  public func run(_ words: [String], input: String = "") throws -> String {
    let user = geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] : ["env"]
    let all = user + words
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        all[0], Array(all.dropFirst()), environment: ProcessEnvironment(["PATH": "/usr/bin:/bin", "LC_ALL": "C"]),
        workingDirectory: "/"),
      input: Array(input.utf8), outputLimit: 1 << 26, seconds: 120)
    guard result.status.isSuccess else {
      throw Failed(description: words.joined(separator: " ") + ": " + result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }
}
