import CofferSystem
import Foundation
import TestSupport
import Testing

/// What goes in as a name or a text comes out as that name or text, of the programs and servers that read it.
@Suite("Quoting, read back by the real clients")
struct QuotingTests {
  private static func hexadecimal(_ text: String) -> String {
    text.utf8.map { String(format: "%02x", $0) }.joined()
  }

  private static func lines(_ text: String) -> [String] { text.lines(keepingEmpty: true) }

  private static func run(_ words: [String], _ input: String, password: String? = nil) throws -> CommandResult {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "PGCLIENTENCODING": "UTF8"])
    environment.variables["PGPASSWORD"] = password
    return try SystemProcessLauncher().run(
      ChildCommand(words[0], Array(words.dropFirst()), environment: environment), input: Array(input.utf8))
  }

  private static func psql(_ script: String) throws -> [String] {
    let server = try PostgreSQLServer(1)
    let result = try run(
      [
        "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", server.hostname, "-p", String(server.port), "-U",
        server.username, "-d", "postgres",
      ], script, password: server.password)
    try #require(result.status.isSuccess, "\(result.errorLines)")
    return lines(result.text)
  }

  @Test("PostgreSQL: literals, with standard_conforming_strings on and off", arguments: ["on", "off"])
  func postgresqlLiterals(setting: String) throws {
    try Fuzz.run(.postgresqlLiteral) { random in
      let texts = random.texts(300)
      let found = try Self.psql(
        "SET standard_conforming_strings = \(setting); SET escape_string_warning = off;\n"
          + texts.map { text in
            let literal = String(decoding: Quoting.postgresqlLiteral(Array(text.utf8)), as: UTF8.self)
            return "SELECT encode(convert_to(\(literal), 'UTF8'), 'hex');\n"
          }.joined())
      try #require(found == texts.map(Self.hexadecimal), "seed \(random.seed)")
    }
  }

  @Test("PostgreSQL: names")
  func postgresqlIdentifiers() throws {
    try Fuzz.run(.postgresqlIdentifier) { random in
      let names = Set(random.texts(150).map { ExactName($0) }.filter { !$0.text.isEmpty }).sorted()
      let found = try Self.psql(
        names.map { "CREATE TEMP TABLE \(Quoting.postgresqlIdentifier($0.text))();\n" }.joined()
          + "SELECT encode(convert_to(relname::text, 'UTF8'), 'hex') FROM pg_class "
          + "WHERE relnamespace = pg_my_temp_schema() ORDER BY oid;\n")
      try #require(found == names.map { Self.hexadecimal($0.text) }, "seed \(random.seed)")
    }
  }

  @Test("PostgreSQL: values in its configuration files")
  func serverSettings() throws {
    let cluster = try PostgreSQLCluster(settings: ["include_if_exists = '../tried.conf'"])
    try Fuzz.run(.serverSetting) { random in
      let texts = random.texts(150).filter { !$0.utf8.contains(0) }
      let lines = texts.enumerated().map { "coffer.t\($0.offset) = \(Quoting.serverSetting($0.element))\n" }
      try cluster.run(["sh", "-c", "cat > \"$0\"", "\(cluster.folder)/tried.conf"], input: lines.joined())
      let found = try cluster.sql(
        "SELECT ':' || encode(convert_to(setting, 'UTF8'), 'hex') FROM pg_file_settings WHERE name LIKE 'coffer.%' ORDER BY seqno"
      )
      try #require(Self.lines(found) == texts.map { ":" + Self.hexadecimal($0) }, "seed \(random.seed)")
    }
  }

  @Test("libpq's own reader of connection strings")
  func connectionStrings() throws {
    let reader = try ConnectionStringReader()
    try Fuzz.run(.connectionValue) { random in
      for text in random.texts(200) {
        let string = "host=/nowhere dbname=\(Quoting.connectionValue(text)) user='x'"
        let values = try reader.values(string)
        try #require(values["dbname"].map { ExactName($0) } == ExactName(text), "seed \(random.seed): \(string)")
        try #require(values["host"] == "/nowhere" && values["user"] == "x")
      }
    }
  }

  @Test("libpq: values of connection strings")
  func connectionValues() throws {
    let server = try PostgreSQLServer(1)
    let names = ["it's\u{301} \\ \"q\"", "a=b dbname=postgres", "postgresql://x", "'\u{301} host=1"]
    for name in names {
      try server.recreate(name)
      defer { try? server.drop(name) }
      let words = ["host=\(server.hostname)", "port=\(server.port)", "user=postgres"]
      let text = (words + ["dbname=\(Quoting.connectionValue(name))"]).joined(separator: " ")
      let result = try Self.run(
        ["psql", "-XqAt", text], "SELECT encode(convert_to(current_database()::text, 'UTF8'), 'hex')",
        password: server.password)
      #expect(Self.lines(result.text) == [Self.hexadecimal(name)], "\(result.errorLines)")
    }
  }

  /// A script as an argument: the program's reader of lines would drop a CR before a LF.
  private static func sqlite(_ script: String) throws -> [String] {
    lines(try run(["sqlite3", "-batch", "-init", "/dev/null", ":memory:", script], "").text)
  }

  @Test("SQLite: literals")
  func sqliteLiterals() throws {
    try Fuzz.run(.sqliteLiteral) { random in
      let texts = random.texts(300)
      let found = try Self.sqlite(
        texts.map { "SELECT lower(hex(\(Quoting.sqliteLiteral($0))));\n" }.joined())
      try #require(found == texts.map(Self.hexadecimal), "seed \(random.seed)")
      try #require(texts.allSatisfy { Quoting.sqliteLiteral(Array($0.utf8)) == Array(Quoting.sqliteLiteral($0).utf8) })
    }
  }

  @Test("SQLite: names")
  func sqliteIdentifiers() throws {
    try Fuzz.run(.sqliteIdentifier) { random in
      // SQLite's names are one whatever the case of their ASCII letters.
      let groups = Dictionary(grouping: random.texts(300).map { ExactName($0) }) { ExactName($0.text.lowercased()) }
      let names = groups.values.map { $0[0] }.sorted()
      let tables = try Self.sqlite(
        names.map { "CREATE TABLE \(Quoting.sqliteIdentifier($0.text))(a);\n" }.joined()
          + "SELECT lower(hex(name)) FROM sqlite_schema ORDER BY rowid;\n")
      try #require(tables == names.map { Self.hexadecimal($0.text) }, "seed \(random.seed)")
      try #require(
        names.allSatisfy {
          Quoting.sqliteIdentifier(Array($0.text.utf8)) == Array(Quoting.sqliteIdentifier($0.text).utf8)
        })
    }
  }

  private static func mariadb(_ script: String) throws -> [String] {
    let server = try MariaDBServer(1)
    return lines(try server.run(script))
  }

  @Test("MariaDB: literals")
  func mariadbLiterals() throws {
    try Fuzz.run(.mariadbLiteral) { random in
      let texts = random.texts(300)
      let found = try Self.mariadb(
        texts.map { "SELECT LOWER(HEX(\(Quoting.mariadbLiteral($0))));\n" }.joined())
      try #require(found == texts.map(Self.hexadecimal), "seed \(random.seed)")
    }
  }

  @Test(
    "MariaDB: names, in every SQL mode that quotes otherwise", arguments: ["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"])
  func mariadbIdentifiers(mode: String) throws {
    let server = try MariaDBServer(1)
    let database = "coffer_quoting_\(mode.lowercased())"
    try server.recreate(database)
    defer { try? server.drop(database) }
    try Fuzz.run(.mariadbIdentifier) { random in
      // The server takes no name that ends with white space.
      let names = random.texts(40).filter { $0.utf8.last?.isBlank == false }
      let found = try Self.mariadb(
        "SET sql_mode = '\(mode)';\nUSE \(database);\n"
          + names.map {
            "CREATE OR REPLACE TABLE t (\(Quoting.mariadbIdentifier($0)) INT);\n"
              + "SELECT LOWER(HEX(CONVERT(COLUMN_NAME USING utf8mb4))) FROM information_schema.COLUMNS "
              + "WHERE TABLE_SCHEMA = '\(database)';\n"
          }.joined())
      try #require(found == names.map(Self.hexadecimal), "seed \(random.seed)")
    }
  }

  @Test("MariaDB: values of option files")
  func optionFiles() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/coffer-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Fuzz.run(.optionFileValue) { random in
      let values = random.texts(300).compactMap { text in Quoting.optionFileValue(text).map { (text, $0) } }
      try #require(values.count > 100)
      let file = "[client]\n" + values.map { "user=\($0.1)\n" }.joined()
      try Data(file.utf8).write(to: URL(filePath: folder + "/my.cnf"))
      let result = try Self.run(["my_print_defaults", "--defaults-file=\(folder)/my.cnf", "client"], "")
      let found = result.output.split(separator: UInt8(ascii: "\n")).map(Array.init)
      try #require(found == values.map { Array("--user=\($0.0)".utf8) }, "seed \(random.seed)")
    }
  }
}
