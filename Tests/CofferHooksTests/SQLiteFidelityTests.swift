import CofferSQLite
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("SQLite databases that not every program can read")
struct SQLiteFidelityTests {
  private let ground: SQLiteGround

  init() throws {
    ground = try SQLiteGround()
  }

  private func expectRoundTrip(format: String) throws {
    let dump = try ground.dump("a.db")
    #expect(dump.facts.format == format)
    try ground.restore(dump, to: "b.db")
    #expect(try ground.content(of: "b.db") == ground.content(of: "a.db"))
  }

  /// Puts another text into the statements of the schema.
  private static func rewriting(_ old: String, _ new: String) -> String {
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '\(old)', '\(new)'); "
  }

  @Test(
    "What statements cannot bring back is brought back by a copy of the file",
    arguments: [
      "CREATE TABLE t(a); INSERT INTO t VALUES ('B'), ('a'); CREATE INDEX i ON t(lower(a));"
        + rewriting("lower", "app_fn"),
      "CREATE TABLE t(a); INSERT INTO t VALUES ('B'); CREATE INDEX i ON t(a) WHERE abs(a);"
        + rewriting("abs", "app_fn"),
      "CREATE TABLE t(a, b AS (lower(a)) STORED); INSERT INTO t VALUES ('B');" + rewriting("lower", "app_fn"),
      "CREATE TABLE t(a CHECK (lower(a) <> 'x')); INSERT INTO t VALUES ('B');" + rewriting("lower", "app_fn"),
      "CREATE TABLE t(a COLLATE nocase UNIQUE); INSERT INTO t VALUES ('B'), ('a');" + rewriting("nocase", "app_order"),
      "CREATE TABLE t(a); INSERT INTO t VALUES (NULL);" + rewriting("(a)", "(a NOT NULL)"),
      "CREATE TABLE t(a BLOB) STRICT; INSERT INTO t VALUES (x'00');" + rewriting("BLOB", "INT"),
      "CREATE TABLE t(a BLOB); INSERT INTO t VALUES ('12'), ('1e3');" + rewriting("BLOB", "INTEGER"),
      "CREATE TABLE t(a BLOB); INSERT INTO t VALUES (12);" + rewriting("BLOB", "TEXT"),
      "CREATE TABLE t(a BLOB); INSERT INTO t VALUES ('0.5');" + rewriting("BLOB", "REAL"),
      "CREATE TABLE t(a); INSERT INTO t VALUES (1);" + rewriting("(a)", "(a) /* open"),
      "CREATE TABLE t(rowid, OID, _rowid_ AS (1)); INSERT INTO t VALUES (1, 1), (2, 2); DELETE FROM t WHERE oid = 1;",
      "CREATE TABLE t(\((1...2000).map { "c\($0)" }.joined(separator: ","))); INSERT INTO t(c1, c2000) VALUES (1, 2);",
    ], ["delete", "wal"])
  func copies(_ sql: String, mode: String) throws {
    try ground.run("a.db", "PRAGMA journal_mode = \(mode); PRAGMA user_version = 3;" + sql)
    let dump = try ground.dump("a.db")
    #expect(dump.facts.format == "file")
    try ground.restore(dump, to: "b.db")
    // The original's log is folded back by the last one who closes it.
    #expect(try ground.rows("a.db", "PRAGMA user_version") == ["i3"])
    let original = try #require(FileManager.default.contents(atPath: ground.path("a.db")))
    let restored = try #require(FileManager.default.contents(atPath: ground.path("b.db")))
    // All but the counters of changes, which count the copy.
    func compared(_ bytes: Data) -> Data { bytes[..<24] + bytes[28..<40] + bytes[44..<92] + bytes[100...] }
    #expect(compared(restored) == compared(original))
  }

  @Test(
    "Functions for JSON in indexes, CHECKs, generated columns and views keep nothing from coming back as statements")
  func json() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE t(d TEXT CHECK (d IS NULL OR json_valid(d)), e AS (json_extract(d, '$.e')) STORED, f AS (d ->> '$.f'));
      CREATE INDEX i ON t(json_extract(d, '$.e')) WHERE json_type(d, '$.f') = 'integer';
      INSERT INTO t VALUES ('{"e": [1, 2], "f": 3}'), ('{}'), (NULL);
      CREATE VIEW v AS SELECT json_group_array(d) FROM t;
      """)
    try expectRoundTrip(format: "sql")
  }

  @Test("A copy is told of at every dump, with the reason")
  func copyNotice() throws {
    try ground.run(
      "a.db", "CREATE TABLE t(a); CREATE INDEX i ON t(lower(a));" + Self.rewriting("lower", "app_fn"))
    let running = try #require(try ground.plan("a.db")).start(context: ground.context)
    guard case .stream(let source) = running.output else { return }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while try piece.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {}
    let warnings = try running.finish().warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("a copy of the file") == true && warnings.first?.contains("app_fn") == true)
  }

  @Test("A computed column that is called as the row id is does not stand in for it")
  func rowIDNames() throws {
    try ground.run(
      "a.db",
      "CREATE TABLE t(a, _rowid_ AS (a + 1)); INSERT INTO t VALUES (10), (20), (30); DELETE FROM t WHERE a = 20;")
    try expectRoundTrip(format: "sql")
    try ground.restore(try ground.dump("a.db", ", sqlite_command: sqlite3"), to: "c.db")
    #expect(try ground.rows("c.db", "SELECT oid, a FROM t") == ["i1|i10", "i3|i30"])
  }

  @Test("Row ids that the program sqlite3 cannot name are said to be lost")
  func namelessRowIDs() throws {
    try ground.run("a.db", "CREATE TABLE t(rowid, oid, _rowid_); INSERT INTO t VALUES (1, 2, 3);")
    let running = try #require(try ground.plan("a.db", ", sqlite_command: sqlite3")).start(context: ground.context)
    guard case .stream(let source) = running.output else { return }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while try piece.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {}
    let warnings = try running.finish().warnings
    #expect(warnings.count == 1 && warnings.first?.contains("the row ids of 't' are not in the dump") == true)
  }

  @Test("Dashes in names and comments in definitions change nothing in the schema, by neither way")
  func dashes() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE "t--1"(a PRIMARY KEY, "b /* c") WITHOUT ROWID; CREATE TABLE t2(a -- the first
      , b); CREATE INDEX "i--1" ON "t--1"("b /* c" DESC); CREATE VIEW "v--1" AS SELECT '--' AS a;
      CREATE TRIGGER "g--1" AFTER INSERT ON t2 BEGIN SELECT 1; -- not yet
      END;
      """)
    try expectRoundTrip(format: "sql")
    try ground.restore(try ground.dump("a.db", ", sqlite_command: sqlite3"), to: "c.db")
    try expectSame(
      ground.content(of: "c.db").joined(separator: "\n"), ground.content(of: "a.db").joined(separator: "\n"))
  }

  @Test("A module or a tokenizer that is not there is no obstacle")
  func modules() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE memo(id INTEGER PRIMARY KEY, body TEXT); INSERT INTO memo VALUES (1, 'first');
      CREATE VIRTUAL TABLE search USING fts5(body, tokenize = 'unicode61'); INSERT INTO search VALUES ('hello');
      CREATE TABLE vec_chunks(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO vec_chunks VALUES (1, x'00010203');
      PRAGMA writable_schema = ON; INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql)
        VALUES ('table', 'vec', 'vec', 0, 'CREATE VIRTUAL TABLE vec USING vec0(embedding float[4])');
      UPDATE sqlite_schema SET sql = replace(sql, 'unicode61', 'app_tokenizer');
      """)
    try expectRoundTrip(format: "sql")
  }

  @Test("Rows that a check, a key or a foreign key refuses today come back")
  func constraints() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE parent(a PRIMARY KEY); CREATE TABLE child(a REFERENCES parent(a)); INSERT INTO child VALUES (5);
      CREATE TABLE checked(a INTEGER CHECK (a > 0)); PRAGMA ignore_check_constraints = ON; INSERT INTO checked VALUES (-1);
      CREATE TABLE nulls(a TEXT PRIMARY KEY, b); INSERT INTO nulls VALUES (NULL, 1), (NULL, 2);
      """)
    try expectRoundTrip(format: "sql")
  }

  @Test("A table of counters that has outlived its last table is no obstacle")
  func orphanedCounters() throws {
    try ground.run(
      "a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t DEFAULT VALUES; DROP TABLE t;")
    try expectRoundTrip(format: "sql")
  }

  @Test("An empty database, and one of nothing but settings, come back")
  func empty() throws {
    try ground.run("a.db", "PRAGMA page_size = 512; PRAGMA user_version = 9; CREATE TABLE t(a); DROP TABLE t;")
    try expectRoundTrip(format: "sql")
    _ = FileManager.default.createFile(atPath: ground.path("c.db"), contents: nil)
    try ground.restore(try ground.dump("c.db"), to: "d.db")
    #expect(try ground.rows("d.db", "SELECT count(*) FROM sqlite_schema") == ["i0"])
  }

  @Test(
    "Texts of UTF-16 come back with single surrogates, and odd numbers with their sign",
    arguments: ["UTF-16le", "UTF-16be", "UTF-8"])
  func odd(encoding: String) throws {
    try ground.run(
      "a.db",
      """
      PRAGMA encoding = '\(encoding)'; CREATE TABLE t(a);
      INSERT INTO t VALUES (CAST(x'00d8' AS TEXT)), (CAST(x'd800' AS TEXT)), (CAST(x'4100' AS TEXT)), (-0.0), (0.0), (5e-324),
        (9e999), (-9e999), (1e999 - 1e999), ('a' || char(0) || 'b'), (char(13, 10)), ('ä𝄞'), (zeroblob(100000));
      """)
    try expectRoundTrip(format: "sql")
  }

  @Test("Numbers are written in decimal where that leads back to them, and come back to the last bit")
  func numbers() throws {
    let decimal = [
      "1.25", "-0.5", "0.00390625", "9999999.99609375", "-123456.75", "999999999999999.0", "0.1", "0.001953125",
      "10000000.5", "0.000000002",
    ]
    let others = ["0.1 + 0.2", "12345678.12345678", "1e15 / 3", "1e-10", "1.0 / 3", "2e15", "9007199254740993.0"]
    let rows = (decimal + others).map { "(\($0))" }.joined(separator: ",")
    try ground.run("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES \(rows);")
    let text = String(decoding: try ground.dump("a.db").bytes, as: UTF8.self)
    for (number, value) in decimal.enumerated() where value != "0.000000002" {
      #expect(text.contains("VALUES(\(number + 1),\(value));"), "\(text)")
    }
    for number in decimal.count..<(decimal + others).count {
      #expect(text.contains("VALUES(\(number + 1),ieee754("), "\(text)")
    }
    try expectRoundTrip(format: "sql")
  }

  @Test("A database that is locked, damaged, encrypted or no file is an error that says so and what to do")
  func unreadable() throws {
    try ground.run("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (randomblob(100000));")
    let place = try SQLitePlace(ground.path("a.db"))
    let facts = try #require(place.facts)
    let holder = try ground.context.launcher.launch(
      ChildCommand("sqlite3", [ground.path("a.db")], environment: ground.context.environment, input: .pipe))
    defer { holder.terminate() }
    guard let input = holder.takeInput() else { preconditionFailure("a pipe was asked for") }
    try Array("BEGIN EXCLUSIVE;\n.print\n".utf8).withUnsafeBytes { try input.writeAll($0, subject: "sqlite3") }
    usleep(500_000)
    let request = SQLiteWorkerRequest(
      work: .dump, name: "a.db", device: facts.device, inode: facts.inode, user: nil, busySeconds: 1)
    let result = try ground.context.launcher.run(
      SQLiteProcess(ground.context).command(request, descriptor: place.folder.number))
    #expect(result.status.code == SQLiteWorkerRequest.busyStatus)
    #expect(result.errorLines.joined().contains("another process has it locked, for more than 1 seconds"))
    _ = consume input
    holder.terminate()

    let bytes = try #require(FileManager.default.contents(atPath: ground.path("a.db")))
    for (name, content, sign) in [
      ("cut.db", bytes[..<20480], "malformed"),
      ("encrypted.db", Data((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }), "not a database"),
    ] {
      try Data(content).write(to: URL(fileURLWithPath: ground.path(name)))
      let error = #expect(throws: DumpError.self) { try ground.dump(name) }
      #expect(error?.diagnosis.problem.contains(sign) == true)
      #expect(error?.diagnosis.suggestion != nil)
    }
    mkdir(ground.path("folder"), 0o755)
    #expect(throws: DumpError.self) { try ground.dump("folder") }
  }

  // MARK: - Fuzz

  private static let alphabet = "ab \"'`[](),;-/*\n\r\t\u{301}\u{20d2}é\u{1F600}\u{7f}.%0"

  private static func value(_ random: inout SeededRandom) -> String {
    switch Int.random(in: 0..<7, using: &random) {
    case 0: "NULL"
    case 1: String(Int64.random(in: .min + 1 ... .max, using: &random))
    case 2: "ieee754_from_blob(x'\(hex((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }))')"
    case 3: String(Int.random(in: -1000...1000, using: &random)) + ".\(Int.random(in: 0...99, using: &random))"
    case 4:
      "CAST(x'\(hex((0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }))' AS TEXT)"
    case 5:
      "x'\(hex((0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }))'"
    default: Quoting.sqliteLiteral(random.text(alphabet))
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  private static let types = ["", "INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "VARCHAR(10)", "FLOATING POINT", "ANY"]

  /// A database of random tables with random rows.
  private static func statements(_ random: inout SeededRandom) -> String {
    let encoding = ["UTF-8", "UTF-16le", "UTF-16be"][Int.random(in: 0...2, using: &random)]
    var sql = "PRAGMA page_size = \(512 << Int.random(in: 0...5, using: &random)); PRAGMA encoding = '\(encoding)';"
    sql += "PRAGMA auto_vacuum = \(Int.random(in: 0...2, using: &random)); BEGIN;"
    for table in 0..<Int.random(in: 1...4, using: &random) {
      let name = Quoting.sqliteIdentifier(random.text(alphabet) + String(table))
      let columns = (0..<Int.random(in: 1...5, using: &random)).map { column in
        Quoting.sqliteIdentifier((column == 0 ? "" : random.text(alphabet)) + "c\(column)")
      }
      let isKeyed = Bool.random(using: &random)
      let end = isKeyed && Bool.random(using: &random) ? " WITHOUT ROWID" : ""
      var types = columns.map { _ in Self.types[Int.random(in: 0..<Self.types.count, using: &random)] }
      // A whole number as the key would be the row id, which takes nothing else.
      if isKeyed { types[0] = "ANY" }
      let definitions = zip(columns, types).map { "\($0) \($1)" }
      let key = isKeyed ? ", PRIMARY KEY(\(columns[0]))" : ""
      sql += "CREATE TABLE \(name)(\(definitions.joined(separator: ","))\(key))\(end);"
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        let values = columns.map { _ in value(&random) }.joined(separator: ",")
        sql += "INSERT OR IGNORE INTO \(name) VALUES(\(values));"
      }
      sql += "DELETE FROM \(name) WHERE hex(\(columns[0])) GLOB '*[37b]';"
      if Bool.random(using: &random), let last = columns.last {
        sql += "CREATE INDEX \(Quoting.sqliteIdentifier(random.text(alphabet) + "i\(table)")) ON \(name)(\(last) DESC);"
      }
    }
    return sql + "PRAGMA user_version = \(Int32.random(in: .min ... .max, using: &random)); COMMIT;"
  }

  @Test("Random databases come back as they were")
  func fuzz() throws { try Fuzz.run(.sqliteDatabases, atLeast: 25) { random in try Self.roundTrip(&random) } }

  private static func roundTrip(_ random: inout SeededRandom) throws {
    let ground = try SQLiteGround()
    try ground.run("a.db", statements(&random))
    let dump = try ground.dump("a.db")
    try ground.restore(dump, to: "b.db")
    #expect(try ground.content(of: "b.db") == ground.content(of: "a.db"), "seed \(random.seed)")
    // The program sqlite3 writes the same values, and reads what is written.
    let other: TakenDump
    do {
      other = try ground.dump("a.db", ", sqlite_command: sqlite3")
    } catch let error as DumpError where error.diagnosis.problem.contains("carriage return") {
      return
    }
    try ground.restore(other, to: "c.db")
    try expectSame(
      ground.content(of: "c.db").joined(separator: "\n"), ground.content(of: "a.db").joined(separator: "\n"))
  }
}
