import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("Single tables of SQLite dumps")
struct SQLiteTableTests {
  private let ground: SQLiteGround

  private static let schema = """
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name);
    CREATE TABLE "the orders" (id INTEGER PRIMARY KEY AUTOINCREMENT, customer REFERENCES customers, note TEXT CHECK (note <> 'x'),
      value, twice AS (value * 2) STORED, UNIQUE (note));
    CREATE INDEX "by ""customer"" x" ON "the orders" (customer) WHERE customer > 0;
    CREATE TABLE log (what TEXT);
    CREATE TRIGGER added AFTER INSERT ON "the orders" BEGIN INSERT INTO log VALUES (new.note); END;
    CREATE VIEW seen AS SELECT note FROM "the orders";
    INSERT INTO customers VALUES (1, 'a'), (2, 'b');
    INSERT INTO "the orders" (id, customer, note, value) VALUES (7, 1, 'n', 1.5), (9, 2, NULL, x'00ff'), (12, 2, 'it''s', 9007199254740993);
    CREATE TABLE plain (a, b); INSERT INTO plain (rowid, a, b) VALUES (5, 'p', 1), (90, NULL, 2);
    """

  init() throws {
    ground = try SQLiteGround()
  }

  @discardableResult
  private func restore(
    _ dump: TakenDump, _ names: [String], as newName: String? = nil, replacing: Bool = false
  ) throws -> [String] {
    let plan = try ground.hook.restore(
      TableSelection(names: names, newName: newName, replaces: replacing), of: dump.facts, from: NoBytes(),
      to: RestoreTarget(path: ground.path("a.db")), root: nil, context: ground.context)
    return try dump.restore(plan, context: ground.context)
  }

  private func made(_ more: String = "") throws -> TakenDump {
    try ground.run("a.db", more + Self.schema)
    return try ground.dump("a.db")
  }

  @Test(
    "Views, and triggers of other tables, that refer to what is gone do not keep a table from coming back under another name"
  )
  func broken() throws {
    let dump = try made(
      """
      CREATE VIEW broken AS SELECT * FROM gone; CREATE VIEW deeper AS SELECT * FROM broken;
      CREATE TRIGGER instead INSTEAD OF INSERT ON broken BEGIN INSERT INTO gone VALUES (1); END;
      CREATE TABLE other (a); CREATE TRIGGER lost AFTER INSERT ON other BEGIN INSERT INTO gone VALUES (1); END;
      """)
    let before = try ground.content(of: "a.db")
    try restore(dump, ["the orders"], as: "copy")
    #expect(
      try ground.rows("a.db", "SELECT id, note, value, twice FROM copy")
        == ground.rows("a.db", "SELECT id, note, value, twice FROM \"the orders\""))
    try ground.run("a.db", "DROP TABLE copy")
    #expect(try ground.content(of: "a.db") == before)
  }

  @Test(
    "The table's own trigger that refers to what is gone comes back with it, and not under another name, which is told")
  func ownBroken() throws {
    try ground.run(
      "a.db",
      Self.schema
        + "CREATE TRIGGER lost AFTER INSERT ON \"the orders\" BEGIN INSERT INTO gone SELECT note FROM \"the orders\"; END;"
    )
    let dump = try ground.dump("a.db")
    let before = try ground.content(of: "a.db")
    let warnings = try restore(dump, ["the orders"], as: "copy")
    #expect(
      warnings.count == 1 && warnings[0].contains("the trigger 'lost' refers to what is not there"), "\(warnings)")
    #expect(
      try ground.rows("a.db", "SELECT id, note, value, twice FROM copy")
        == ground.rows("a.db", "SELECT id, note, value, twice FROM \"the orders\""))
    let others = "FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'copy'"
    #expect(try ground.rows("a.db", "SELECT count(*), min(name = 'added_1') \(others)") == ["i1|i1"])
    try ground.run("a.db", "DROP TABLE copy")
    #expect(try restore(dump, ["the orders"], replacing: true).isEmpty)
    #expect(try ground.content(of: "a.db") == before)
  }

  @Test("A trigger comes back with its table however it spells that")
  func spelling() throws {
    try ground.run("a.db", Self.schema + "CREATE TRIGGER loud AFTER DELETE ON \"The ORDERS\" BEGIN SELECT 1; END;")
    let dump = try ground.dump("a.db")
    let before = try ground.content(of: "a.db")
    try restore(dump, ["the orders"], replacing: true)
    #expect(try ground.content(of: "a.db") == before)
  }

  @Test("A table comes back in place of the one that is there, value by value, and nothing else changes")
  func replaced() throws {
    for more in ["", "PRAGMA journal_mode = wal;", "PRAGMA encoding = 'UTF-16le';"] {
      let dump = try made(more)
      let before = try ground.content(of: "a.db")
      try ground.run(
        "a.db",
        "DELETE FROM \"the orders\" WHERE id > 7; UPDATE \"the orders\" SET note = 'spoilt'; DROP INDEX \"by \"\"customer\"\" x\""
      )
      let spoilt = try ground.content(of: "a.db")
      #expect(problem { try restore(dump, ["the orders"]) }.contains("is there already"))
      #expect(try ground.content(of: "a.db") == spoilt)
      try restore(dump, ["the orders"], replacing: true)
      #expect(try ground.content(of: "a.db") == before, "\(more)")
      try ground.run(
        "a.db",
        "DROP TABLE plain; DROP VIEW seen; DROP TABLE \"the orders\"; CREATE VIEW seen AS SELECT note FROM \"the orders\""
      )
      try restore(dump, ["pl*", "the orders"])
      #expect(try ground.content(of: "a.db") == before, "\(more)")
      for suffix in ["", "-wal", "-shm"] { unlink(ground.path("a.db" + suffix)) }
    }
  }

  @Test("A table comes back under another name beside the one that is there, with its indexes and triggers")
  func beside() throws {
    let dump = try made()
    try ground.run("a.db", "DELETE FROM \"the orders\"")
    let before = try ground.content(of: "a.db")
    try restore(dump, ["the orders"], as: "orders \"2\"")
    #expect(
      try ground.rows("a.db", "SELECT count(*), min(id), max(twice) FROM \"orders \"\"2\"\"\"") == [
        "i3|i7|i18014398509481986"
      ])
    let names = "SELECT name FROM sqlite_schema WHERE tbl_name = 'orders \"2\"' AND sql IS NOT NULL ORDER BY name"
    #expect(
      try ground.rows(
        "a.db", "SELECT group_concat(name, ' ') = 'added_1 by \"customer\" x_1 orders \"2\"' FROM (\(names))") == ["i1"]
    )
    try ground.run("a.db", "INSERT INTO \"orders \"\"2\"\"\" (note) VALUES ('later')")
    #expect(try ground.rows("a.db", "SELECT what FROM log WHERE what = 'later'").count == 1)
    #expect(try ground.rows("a.db", "SELECT max(id) FROM \"orders \"\"2\"\"\"") == ["i13"])
    try ground.run("a.db", "DROP TABLE \"orders \"\"2\"\"\"; DELETE FROM log WHERE what = 'later'")
    #expect(try ground.content(of: "a.db") == before)
  }

  @Test("What is not in the dump, is no table, or is cut short changes nothing")
  func refused() throws {
    let dump = try made()
    let before = try ground.content(of: "a.db")
    #expect(problem { try restore(dump, ["nothing"]) }.contains("no table 'nothing'"))
    #expect(problem { try restore(dump, ["plain", "log"], as: "x") } != "")
    #expect(problem { try restore(dump, ["plain"], as: "seen", replacing: true) } != "")
    #expect(problem { try restore(dump, ["plain"]) }.contains("is there already"))
    let cut = TakenDump(dump, length: dump.bytes.count - 60)
    #expect(problem { try restore(cut, ["plain"], as: "x") } != "")
    for sql in ["ATTACH 'other.db' AS o;", "SELECT load_extension('x');"] {
      let hostile = TakenDump(dump, inserting: sql + "\n", at: 0)
      #expect(problem { try restore(hostile, ["plain"], as: "x") } != "", "\(sql)")
    }
    // What stands in a schema is no definition only because it stands there.
    for statement in ["DELETE FROM log", "DROP TABLE log", "COMMIT", "CREATE INDEX zz ON log(what)"] {
      let row = "INSERT INTO sqlite_schema VALUES('index', 'zz', 'plain', 0, '\(statement)');\n"
      let hostile = TakenDump(dump, inserting: "PRAGMA writable_schema = ON;\n\(row)", at: dump.bytes.count)
      #expect(problem { try restore(hostile, ["plain"], replacing: true) } != "", "\(statement)")
    }
    #expect(try ground.content(of: "a.db") == before)
  }
}
