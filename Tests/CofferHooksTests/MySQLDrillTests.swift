import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("The throw-away server of a dump of MySQL, with a stand-in for its programs")
struct MySQLDrillTests {
  private let folder = "/tmp/coffer-mysql-\(UUID().uuidString.prefix(8))"

  /// - Parameter version: What the server says of itself.
  private func ground(_ version: String) throws -> DrillGround {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // It runs as somebody else where the tests run as root.
    chmod(folder, 0o777)
    try write(
      "mysqld",
      """
      #!/bin/sh
      case "$*" in
      *--version*) echo '\(version)'; exit;;
      *--initialize-insecure*) echo "make $*" >>\(folder)/log; exit;;
      esac
      echo "run $*" >>\(folder)/log
      exec sleep 600

      """)
    for client in ["mysql", "mariadb"] {
      try write(
        client,
        """
        #!/bin/sh
        grep -q '^run' \(folder)/log || exit 1
        sed -n 's/^run .*--socket=\\([^ ]*\\).*/\\1/p' \(folder)/log

        """)
    }
    return try DrillGround(
      in: "/tmp", user: "nobody", context: try makeContext(path: "\(folder):/usr/bin:/bin"))
  }

  private func write(_ name: String, _ text: String) throws {
    try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    chmod("\(folder)/\(name)", 0o755)
  }

  private func facts(_ version: String) -> DumpFacts {
    DumpFacts(
      identity: DumpIdentity(hook: "mysql_databases", database: "shop"), format: "sql", serverVersion: version)
  }

  @Test("It is made by mysqld itself, without a password, and listens on its socket only")
  func commands() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let ground = try ground("mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)")
    defer { ground.remove() }
    let place = try MariaDBHook(.mysql).drill(of: facts("8.0.35"), bytes: 1000, on: ground)
    defer { place.remove() }
    #expect(place.version == "MySQL 8.0.36")
    let log = try String(contentsOfFile: "\(folder)/log", encoding: .utf8).split(separator: "\n")
    let server = "\(ground.path)/server"
    #expect(
      log == [
        "make --no-defaults --datadir=\(server)/data --tmpdir=\(server) --initialize-insecure",
        "run --no-defaults --datadir=\(server)/data --tmpdir=\(server) --socket=\(server)/socket --pid-file=\(server)/pid --skip-networking "
          + "--innodb-flush-log-at-trx-commit=0 --skip-innodb-doublewrite --skip-log-bin --local-infile=0 "
          + "--event-scheduler=OFF --max-allowed-packet=1G --skip-mysqlx",
      ])
    #expect(place.target.socketPath == "\(server)/socket" && place.target.username == "root")
  }

  @Test(
    "A server that is older than the dump's, or MariaDB under MySQL's name, is none for it",
    arguments: [
      ("mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))", "that is installed here is 5.7.44"),
      ("mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", "no server of MySQL"),
    ])
  func impossible(version: String, problem: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let ground = try ground(version)
    defer { ground.remove() }
    do {
      try MariaDBHook(.mysql).drill(of: facts("8.0.35"), bytes: 1000, on: ground).remove()
      Issue.record("a server was made")
    } catch let error as DrillError {
      #expect(error.diagnosis.problem.contains(problem), "\(error.diagnosis.problem)")
    }
  }
}
