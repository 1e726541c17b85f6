import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("SQLite, with the real sqlite3")
struct SQLiteTests {
  private let hook = SQLiteHook()
  private let folder: String
  private let context: HookContext

  init() throws {
    context = try makeContext()
    folder = context.runtime.path
  }

  @discardableResult
  private func run(_ file: String, _ sql: String) throws -> String {
    let result = try context.launcher.run(
      ChildCommand("sqlite3", ["-bail", "\(folder)/\(file)"], environment: context.environment),
      input: Array(sql.utf8))
    guard result.status.isSuccess else {
      throw PostgreSQLServer.SQLFailed(description: result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }

  private func root(_ file: String = "a.db", name: String = "app") throws -> ConfigurationSection {
    try makeRoot("sqlite_databases:\n  - name: \(name)\n    path: \"\(folder)/\(file)\"\n")
  }

  private func dump(_ file: String = "a.db") throws -> TakenDump {
    try TakenDump(try #require(hook.dumps(of: try root(file), context: context).first), context: context)
  }

  private func restore(_ dump: TakenDump, to file: String) throws {
    let plan = try hook.restore(
      of: dump.facts, to: RestoreTarget(path: "\(folder)/\(file)"), root: nil, context: context)
    try dump.restore(plan, context: context)
  }

  /// Every schema entry, every row with its types and row id, and the settings of a database.
  private func content(of file: String) throws -> String {
    var text = try run(
      file,
      "PRAGMA user_version; PRAGMA application_id; PRAGMA journal_mode; PRAGMA encoding; PRAGMA page_size; PRAGMA auto_vacuum; SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name;"
    )
    let tables = try run(
      file,
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite_schema' ORDER BY name;"
    )
    for table in tables.split(separator: "\n") {
      let quoted = "\"\(table.replacingOccurrences(of: "\"", with: "\"\""))\""
      let columns = try run(
        file,
        "SELECT group_concat('typeof(\"' || replace(name, '\"', '\"\"') || '\"), hex(\"' || replace(name, '\"', '\"\"') || '\")') FROM pragma_table_xinfo('\(table.replacingOccurrences(of: "'", with: "''"))') WHERE hidden <> 1;"
      )
      let order = (try? run(file, "SELECT rowid FROM \(quoted) LIMIT 1;")) == nil ? "1, 2" : "rowid"
      let rowid = order == "rowid" ? "rowid, " : ""
      text += "== \(table)\n" + (try run(file, "SELECT \(rowid)\(columns) FROM \(quoted) ORDER BY \(order);"))
    }
    return text
  }

  private static let rich = #"""
    PRAGMA page_size = 8192; PRAGMA auto_vacuum = 1; PRAGMA user_version = -7; PRAGMA application_id = 1234567;
    CREATE TABLE "odd ""table"" name" ("the ""column""" TEXT, 'b' BLOB, r REAL, n, g AS (n || 'x') STORED, v AS (1));
    INSERT INTO "odd ""table"" name" VALUES ('x' || char(0) || 'y', x'00ff0d0a', 1e-300, 9007199254740993),
      (char(13) || char(10) || 'line' || char(10), zeroblob(10), 9e999, -9223372036854775808), ('it''s; -- not', NULL, 0.1, 1.0),
      ('', x'', -9e999, 'text'), ('ünï', 'text in blob', 5e-324, 1.7976931348623157e308);
    DELETE FROM "odd ""table"" name" WHERE rowid = 3;
    CREATE TABLE keyed(a INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE, c CHECK (c > 0) DEFAULT 5);
    INSERT INTO keyed(a, b) VALUES (5, 'x'), (900, 'y'); DELETE FROM keyed WHERE a = 900;
    CREATE TABLE descending(a INTEGER PRIMARY KEY DESC, b); INSERT INTO descending VALUES (1, 2), (7, 8);
    CREATE TABLE without(a TEXT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID; INSERT INTO without VALUES ('a', 1), ('b', 0);
    CREATE TABLE rowid(rowid, oid); INSERT INTO rowid VALUES (1, 2);
    CREATE TABLE child(p REFERENCES keyed(b)); INSERT INTO child VALUES ('gone');
    CREATE TABLE strict(a INT, b ANY) STRICT; INSERT INTO strict VALUES (1, '1');
    CREATE VIRTUAL TABLE search USING fts5(body); INSERT INTO search VALUES ('hello world'), ('other');
    CREATE VIRTUAL TABLE space USING rtree(id, a, b); INSERT INTO space VALUES (1, 0.5, 1.5);
    CREATE INDEX i ON keyed(b) WHERE c > 1; CREATE INDEX e ON keyed(lower(b));
    CREATE VIEW w AS SELECT * FROM keyed; CREATE TRIGGER t AFTER INSERT ON keyed BEGIN DELETE FROM child; END;
    ANALYZE;
    """#

  @Test(
    "Everything that a database can hold comes back, whatever its journal mode and encoding",
    arguments: ["wal", "delete"], ["UTF-8", "UTF-16le"])
  func roundTrip(mode: String, encoding: String) throws {
    try run("a.db", "PRAGMA encoding = '\(encoding)';" + Self.rich + "PRAGMA journal_mode = \(mode);")
    let taken = try dump()
    try restore(taken, to: "b.db")
    // Statistics of the other kinds are not kept; ANALYZE makes them.
    try expectSame(content(of: "b.db"), content(of: "a.db"))
    #expect(
      try run("b.db", "SELECT * FROM search WHERE search MATCH 'hello'; SELECT id FROM space WHERE a > 0.1;")
        == "hello world\n1\n")
    #expect(try run("b.db", "INSERT INTO keyed(b) VALUES ('z'); SELECT max(a) FROM keyed;") == "901\n")
  }

  /// Numbers that differ in single bits, and texts that are no texts.
  @Test("Every floating-point number comes back to the bit, and texts that are not valid UTF-8 do too")
  func exactness() throws {
    var generator = SystemRandomNumberGenerator()
    var values: [Double] = [
      .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 0.1 + 0.2, 9_007_199_254_740_992, 1e22,
      .leastNonzeroMagnitude * 10_123,
    ]
    while values.count < 20_000 {
      let value = Double(bitPattern: generator.next())
      if value.isFinite { values.append(value) }
    }
    // Numbers go in as blobs of text that sqlite3 reads exactly: a whole number and powers of two.
    let rows = values.map { value -> String in
      let significand = Int64(value.significand * 0x1p52)
      let exponent = Int(value.exponent) - 52
      let steps = (0..<abs(exponent) / 50).map { _ in exponent < 0 ? "/1125899906842624.0" : "*1125899906842624.0" }
      let last = exponent < 0 ? "/\(1 << (-exponent % 50)).0" : "*\(1 << (exponent % 50)).0"
      return "((\(value.sign == .minus ? -significand : significand)*1.0)\(steps.joined())\(last))"
    }
    var script = "CREATE TABLE n(x); CREATE TABLE t(x); BEGIN;"
    for row in rows { script += "INSERT INTO n VALUES(\(row));\n" }
    script +=
      "INSERT INTO t VALUES (CAST(x'ff41fe' AS TEXT)), (CAST(x'c3' AS TEXT)), (CAST(x'0d0a00ff' AS TEXT)); COMMIT;"
    try script.write(toFile: "\(folder)/fill.sql", atomically: false, encoding: .utf8)
    try run("a.db", ".read '\(folder)/fill.sql'\n")
    try restore(try dump(), to: "b.db")
    let difference = try run(
      "b.db",
      """
      ATTACH '\(folder)/a.db' AS a; SELECT count(*), count(DISTINCT n.x) > 19000 FROM main.n n JOIN a.n o
      ON n.rowid = o.rowid WHERE n.x = o.x AND typeof(n.x) = 'real'; SELECT hex(x), typeof(x) FROM main.t;
      """)
    #expect(difference == "20000|1\nFF41FE|text\nC3|text\n0D0A00FF|text\n")
  }

  @Test("A dump is one moment of the database, even while another process writes")
  func concurrentWriter() throws {
    try run("a.db", "PRAGMA journal_mode = wal; CREATE TABLE pair(a, b); INSERT INTO pair SELECT 1, -1;")
    let writer = try context.launcher.launch(
      ChildCommand(
        "sh",
        [
          "-c",
          "i=0; while true; do i=$((i+1)); echo \"BEGIN; INSERT INTO pair SELECT $i, -$i FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 500) SELECT x FROM n); UPDATE pair SET b = -a; COMMIT;\"; done | sqlite3 -cmd '.timeout 5000' '\(folder)/a.db'",
        ], environment: context.environment))
    defer { writer.terminate() }
    var sizes: Set<Int> = []
    for round in 1...6 {
      usleep(100_000)
      try restore(try dump(), to: "copy\(round).db")
      #expect(try run("copy\(round).db", "SELECT sum(a + b), count(*) % 500 FROM pair;") == "0|1\n")
      sizes.insert(Int(try run("copy\(round).db", "SELECT count(*) FROM pair;").dropLast())!)
    }
    #expect(sizes.count > 1)
  }

  @Test("A file that somebody writes over while it is read, past SQLite's locks, is no dump; renaming does no harm")
  func writtenOver() throws {
    for (name, byte) in [("a.db", "11"), ("b.db", "22")] {
      _ = try run(
        name,
        "CREATE TABLE t(a); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 8000) "
          + "INSERT INTO t SELECT replace(hex(zeroblob(500)), '00', '\(byte)') FROM n;")
    }
    let first = try dump()
    let other = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/b.db"))
    func dumped(_ meanwhile: () throws -> Void) throws -> TakenDump {
      let plan = try #require(try hook.dumps(of: root(), context: context).first)
      let running = try plan.start(context: context)
      guard case .stream(let source) = running.output else { throw CocoaError(.fileReadUnknown) }
      // A pipe takes less than this dump has: where something has come, the file is being read.
      var begun = [UInt8](repeating: 0, count: 4096)
      let count = try begun.withUnsafeMutableBytes { try source.read(into: $0) }
      try meanwhile()
      let rest = try TakenDump(running)
      return TakenDump(facts: rest.facts, bytes: begun[..<count] + rest.bytes)
    }
    let renamed = try dumped {
      try other.write(to: URL(fileURLWithPath: "\(folder)/new.db"))
      #expect(rename("\(folder)/new.db", "\(folder)/a.db") == 0)
    }
    #expect(renamed.bytes == first.bytes)
    try restore(first, to: "a.db")
    let error = #expect(throws: DumpError.self) {
      try dumped {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(folder)/a.db"))
        try file.write(contentsOf: other)
        try file.close()
      }
    }
    #expect(error?.diagnosis.problem.contains("changed while it was read") == true, "\(String(describing: error))")
    #expect(error?.diagnosis.suggestion?.contains("Run the command again") == true)
  }

  @Test("A file that is missing is an error, and is not created")
  func missingFile() throws {
    let error = #expect(throws: DumpError.self) { try dump("missing.db") }
    #expect(error?.diagnosis.problem.contains("missing.db") == true)
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/missing.db"))
  }

  @Test("What is no database is an error that names it")
  func noDatabase() throws {
    try "this is a text, not a database, and long enough to be looked at".write(
      toFile: "\(folder)/a.db", atomically: true, encoding: .utf8)
    let error = #expect(throws: DumpError.self) { try dump() }
    #expect(error?.diagnosis.subject.contains("'app'") == true)
    #expect(error?.diagnosis.problem.contains("not a database") == true)
  }

  @Test("A restore replaces a file in one step, with its mode, and without its leftovers")
  func replacing() throws {
    try run("a.db", Self.rich)
    let taken = try dump()
    try run("b.db", "PRAGMA journal_mode = wal; CREATE TABLE old(a); INSERT INTO old VALUES (1);")
    chmod("\(folder)/b.db", 0o640)
    try restore(taken, to: "b.db")
    try expectSame(content(of: "b.db"), content(of: "a.db"))
    let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/b.db")[.posixPermissions] as? Int
    #expect(mode == 0o640)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("b.db") }
    #expect(files == ["b.db"])
  }

  private func mode(_ file: String) -> mode_t? {
    var facts = stat()
    return lstat("\(folder)/\(file)", &facts) == 0 ? facts.st_mode & 0o7777 : nil
  }

  @Test("A new file gets the permissions of the dumped one, and nobody else may read it while it is made")
  func permissions() throws {
    try run("a.db", "CREATE TABLE t(a);")
    chmod("\(folder)/a.db", 0o640)
    let taken = try dump()
    let plan = try hook.restore(
      of: taken.facts, to: RestoreTarget(path: "\(folder)/odd ?name%41#.db"), root: nil, context: context)
    let running = try plan.start(folder: nil, context: context)
    try taken.bytes.withUnsafeBytes { try running.write($0) }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let temporary = try #require(names.first { $0.contains("odd") })
    #expect(mode(temporary) == 0o600)
    _ = try running.finish()
    #expect(mode("odd ?name%41#.db") == 0o640)
    var facts = taken.facts
    facts.details["mode"] = nil
    try hook.restore(of: facts, to: RestoreTarget(path: "\(folder)/c.db"), root: nil, context: context)
      .start(folder: nil, context: context).abandon()
    #expect(mode("c.db") == nil)
  }

  @Test("A link to the database stays a link; the file that it leads to is replaced")
  func links() throws {
    try run("a.db", Self.rich)
    try FileManager.default.createDirectory(atPath: "\(folder)/real", withIntermediateDirectories: true)
    try run("real/b.db", "CREATE TABLE old(a);")
    symlink("real/b.db", "\(folder)/b.db")
    try restore(try dump(), to: "b.db")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/b.db") == "real/b.db")
    try expectSame(content(of: "real/b.db"), content(of: "a.db"))
  }

  @Test("A file that another process has open is left alone, even if that process does nothing with it")
  func held() throws {
    try run("a.db", Self.rich)
    let taken = try dump()
    try run("b.db", "CREATE TABLE old(a);")
    let holder = try context.launcher.launch(
      ChildCommand("sleep", ["1000"], environment: context.environment, input: .path("\(folder)/b.db")))
    defer { holder.terminate() }
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: taken.facts, to: RestoreTarget(path: "\(folder)/b.db"), root: nil, context: context)
    }
    #expect(error?.diagnosis.problem.contains("sleep, process \(holder.identifier)") == true)
  }

  @Test("A restore that fails or is given up leaves the old file, and nothing beside it")
  func failing() throws {
    try run("a.db", Self.rich)
    let taken = try dump()
    try run("b.db", "CREATE TABLE old(a); INSERT INTO old VALUES (1);")
    let before = FileManager.default.contents(atPath: "\(folder)/b.db")
    let plan = try hook.restore(
      of: taken.facts, to: RestoreTarget(path: "\(folder)/b.db"), root: nil, context: context)
    try taken.restore(plan, context: context, length: taken.bytes.count / 2)
    #expect(FileManager.default.contents(atPath: "\(folder)/b.db") == before)
    let running = try plan.start(folder: nil, context: context)
    _ = try? Array("SELECT nonsense;\n".utf8).withUnsafeBytes { try running.write($0) }
    #expect(throws: RestoreError.self) { try running.finish() }
    #expect(FileManager.default.contents(atPath: "\(folder)/b.db") == before)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("b.db") }
    #expect(files == ["b.db"])
  }

  @Test("That a restored database may not stay in its place is told of one that is there")
  func notLasting() throws {
    try run("a.db", Self.rich)
    let taken = try dump()
    try run("b.db", "CREATE TABLE old(a);")
    var plan = try SQLiteRestore(facts: taken.facts, path: "\(folder)/b.db", command: nil, context: context)
    plan.synchronize = { (place) throws(SystemError) in throw SystemError(call: "fsync", subject: place.path, code: EIO)
    }
    let error = #expect(throws: RestoreError.self) { try taken.restore(plan, context: context) }
    let problem = try #require(error?.diagnosis.problem)
    #expect(problem.contains("the new database has its place") && problem.contains("fsync"), "\(problem)")
    try expectSame(content(of: "b.db"), content(of: "a.db"))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains("b.db") }
    #expect(files == ["b.db"])
  }

  @Test("What a killed restore has left is removed by a later one when it is certainly nobody's, and nothing else")
  func leftOvers() throws {
    try run("a.db", "CREATE TABLE t(a);")
    let taken = try dump()
    let gone = [".b.db.0f3c5a7b9d1e2468", ".b.db.0f3c5a7b9d1e2468-journal"]
    let kept = [
      ".b.db.20231128120000", ".b.db.1234567890123456", ".b.db.xyz3c5a7b9d1e246", ".b.db.backup",
      ".b.db-wal.0f3c5a7b9d1e2468", ".c.db.0f3c5a7b9d1e2468", "b.db.0f3c5a7b9d1e2468", ".b.db.0f3c5a7b9d1e2468a",
    ]
    let (young, linked, held) = (".b.db.1f3c5a7b9d1e2468", ".b.db.2f3c5a7b9d1e2468", ".b.db.3f3c5a7b9d1e2468")
    for name in gone + kept + [young, linked, held] {
      #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data("x".utf8)))
      let age: Double = name == young ? 23 : 25
      try FileManager.default.setAttributes(
        [.modificationDate: Date().addingTimeInterval(-age * 3600)], ofItemAtPath: "\(folder)/\(name)")
    }
    try FileManager.default.linkItem(atPath: "\(folder)/\(linked)", toPath: "\(folder)/other")
    let holder = try context.launcher.launch(
      ChildCommand("sleep", ["1000"], environment: context.environment, input: .path("\(folder)/\(held)")))
    defer { holder.terminate() }
    try restore(taken, to: "b.db")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let expected = (kept + [young, linked, held, "other"]).sorted()
    #expect(names.filter { $0.contains(".db.") || $0.contains("-wal.") || $0 == "other" }.sorted() == expected)
    #expect(names.contains("b.db"))
  }

  @Test("A file that another process has locked is left alone")
  func locked() throws {
    try run("a.db", Self.rich)
    let taken = try dump()
    try run("b.db", "CREATE TABLE old(a);")
    let holder = try context.launcher.launch(
      ChildCommand("sqlite3", ["\(folder)/b.db"], environment: context.environment, input: .pipe))
    defer { holder.terminate() }
    guard let input = holder.takeInput() else { return }
    try Array("BEGIN IMMEDIATE; INSERT INTO old VALUES (1);\n".utf8).withUnsafeBytes {
      try input.writeAll($0, subject: "sqlite3")
    }
    usleep(300_000)
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: taken.facts, to: RestoreTarget(path: "\(folder)/b.db"), root: nil, context: context)
    }
    #expect(error?.diagnosis.problem.contains("another process") == true)
    _ = consume input
  }
}
