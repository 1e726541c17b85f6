import CofferSystem
import Foundation

/// A MariaDB server that contrib/test has started.
public struct MariaDBServer: Sendable {
  public let hostname: String
  public let port: Int
  public let username: String
  public let password: String

  public struct SQLFailed: Error, CustomStringConvertible {
    public let description: String
  }

  /// - Parameter number: 1 or 2.
  public init(_ number: Int) throws {
    let server = try ServerVariable("COFFER_TEST_MARIADB_\(number)")
    hostname = server.hostname
    port = server.port
    username = server.username
    password = server.password
  }

  /// The lines of a configuration entry for a database of this server.
  public func entry(_ database: String, _ more: String...) -> String {
    let escaped = database.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
    let lines = [
      "  - name: \"\(escaped)\"", "    hostname: \(hostname)", "    port: \(port)", "    username: \(username)",
      "    password: \(password)",
    ]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  private func run(_ program: String, _ arguments: [String], input: String? = nil) throws -> String {
    let environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "MYSQL_PWD": password])
    let connection = ["--no-defaults", "-h", hostname, "-P", String(port), "-u", username]
    let result = try SystemProcessLauncher().run(
      ChildCommand(program, connection + arguments, environment: environment), input: input.map { Array($0.utf8) },
      outputLimit: 1 << 28, seconds: 120)
    guard result.status.isSuccess else {
      throw SQLFailed(description: result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }

  /// Runs SQL as a script; the rows with fields parted by tabs.
  @discardableResult
  public func run(_ sql: String, in database: String? = nil) throws -> String {
    let arguments = ["--batch", "-N", "--comments", "--binary-mode", "--default-character-set=utf8mb4"]
    let use = database.map { "USE \(Self.quotedIdentifier($0));\n" } ?? ""
    return try run("mariadb", arguments, input: use + sql)
  }

  public func recreate(_ database: String, _ properties: String = "CHARACTER SET utf8mb4") throws {
    try run("SET FOREIGN_KEY_CHECKS = 0; CREATE OR REPLACE DATABASE \(Self.quotedIdentifier(database)) \(properties)")
  }

  public func drop(_ database: String) throws {
    try run("SET FOREIGN_KEY_CHECKS = 0; DROP DATABASE IF EXISTS \(Self.quotedIdentifier(database))")
  }

  /// The names of databases that a pattern of LIKE matches.
  public func databases(like pattern: String) throws -> String {
    try run("SHOW DATABASES LIKE '\(pattern)'")
  }

  /// The whole logical content of a database as text that is the same for the same content: definitions of tables, views,
  /// triggers, routines and events, and every row.
  public func content(of database: String) throws -> String {
    let name = Self.quotedLiteral(database)
    var parts = [
      try run("SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = \(name)")
    ]
    let schema = try run(
      "mariadb-dump",
      [
        "--no-data", "--skip-comments", "--routines", "--events", "--triggers", "--skip-lock-tables", "--databases",
        "--", database,
      ])
    // Dumps say how far a table has counted, but servers do not keep that exactly.
    parts.append(schema.replacing(/\ AUTO_INCREMENT=\d+/, with: ""))
    let tables = try run(
      "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = \(name) AND TABLE_TYPE <> 'VIEW' ORDER BY 1"
    )
    for table in tables.split(separator: "\n") {
      // The client doubles backslashes in its output.
      let table = String(table.replacing("\\\\", with: "\\"))
      parts.append("== \(table)")
      let rows = try run(
        "SELECT * FROM \(Self.quotedIdentifier(database)).\(Self.quotedIdentifier(table))")
      parts += rows.split(separator: "\n").sorted().map(String.init)
    }
    return parts.joined(separator: "\n")
  }

  /// What an account may do, and how it logs in.
  public func grants(of account: String) throws -> String {
    try run("SHOW CREATE USER \(account); SHOW GRANTS FOR \(account)")
  }

  public static func quotedIdentifier(_ name: String) -> String { Quoting.mariadbIdentifier(name) }

  public static func quotedLiteral(_ text: String) -> String { Quoting.mariadbLiteral(text) }
}
