import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("SQLite databases and dumps that are meant to do harm")
struct SQLiteAttackTests {
  private let ground: SQLiteGround
  private var victim: String { ground.context.runtime.path + "/victim" }

  init() throws {
    ground = try SQLiteGround()
  }

  /// Dumps, restores to another file, and expects the same there.
  private func expectRoundTrip(_ file: String = "a.db") throws -> TakenDump {
    let dump = try ground.dump(file)
    try ground.restore(dump, to: "b.db")
    #expect(try ground.content(of: "b.db") == ground.content(of: file))
    return dump
  }

  @Test("What stands behind a statement in the schema is neither run nor dumped")
  func behindStatements() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE t(a); INSERT INTO t VALUES (1); PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a);' || char(10) || '.shell touch \(victim)' || char(10)
        || 'ATTACH ''\(victim)'' AS v; CREATE TABLE v.x(y);';
      """)
    let dump = try ground.dump("a.db")
    #expect(!String(decoding: dump.bytes, as: UTF8.self).contains("victim"))
    try ground.restore(dump, to: "b.db")
    #expect(try ground.rows("b.db", "SELECT a FROM t") == ["i1"])
    #expect(access(victim, F_OK) != 0)
  }

  @Test("Tables that are called like pragmas, functions and SQLite's own tables change nothing")
  func shadows() throws {
    try ground.run(
      "a.db",
      """
      CREATE TABLE t(a); INSERT INTO t VALUES (1);
      CREATE TABLE pragma_page_size(page_size); INSERT INTO pragma_page_size VALUES ('4096;' || char(10) || '.shell x');
      CREATE VIEW pragma_table_xinfo AS SELECT 'x' name, 0 hidden, 0 pk, '' type;
      CREATE TABLE pragma_table_list(schema, name, type, wr); CREATE TABLE json_each(value);
      """)
    _ = try expectRoundTrip()
    let error = #expect(throws: DumpError.self) { try ground.dump("a.db", ", sqlite_command: sqlite3") }
    #expect(error?.diagnosis.problem.contains("pragma_") == true)
  }

  @Test("Names hold quotes with combining marks, line ends, comments and what is no UTF-8")
  func names() throws {
    let names: [[UInt8]] = [
      Array("x'\u{301}; SELECT load_extension('x'); --".utf8), Array("\"\u{301}\"\"".utf8), Array("a\r\nb\n;".utf8),
      Array("/* ".utf8), Array("-- ".utf8), Array("]`'\u{20d2}".utf8), [0xff, 0x22, 0xc3], Array("e\u{301}".utf8),
      Array("\u{e9}".utf8), [1, 8, 27, 127], Array("COMMIT".utf8),
    ]
    for name in names {
      let quoted = Quoting.sqliteIdentifier(name)
      try ground.run(
        "a.db",
        Array("CREATE TABLE ".utf8) + quoted + Array("(".utf8) + quoted + Array(" TEXT, \"b\"); INSERT INTO ".utf8)
          + quoted
          + Array(" VALUES ('x', 1); CREATE INDEX ".utf8) + Quoting.sqliteIdentifier(name + Array("i".utf8))
          + Array(" ON ".utf8) + quoted + Array("(b); CREATE VIEW ".utf8)
          + Quoting.sqliteIdentifier(name + Array("v".utf8))
          + Array(" AS SELECT * FROM ".utf8) + quoted)
    }
    let dump = try expectRoundTrip()
    #expect(dump.facts.format == "sql")
  }

  @Test(
    "Statements of a dump reach nothing but the new file, which is then thrown away",
    arguments: [
      "ATTACH '@' AS v; CREATE TABLE v.x(y);", "VACUUM INTO '@';", "SELECT load_extension('@');",
      "PRAGMA temp_store_directory = '@';", ".shell touch @\n", "SELECT writefile('@', 'x');",
      "CREATE VIRTUAL TABLE z USING zipfile('@');", "COMMIT; ATTACH '@' AS v;", "DETACH main;",
      "INSERT INTO t VALUES (1",
      "SELECT 'unfinished", "/* unfinished", "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1;", "SELECT 1\0;",
    ])
  func statements(_ statement: String) throws {
    try ground.run("a.db", "CREATE TABLE old(a)")
    let before = FileManager.default.contents(atPath: ground.path("a.db"))
    let dump = ground.dump(
      holding: "BEGIN;\nCREATE TABLE t(a);\n" + statement.replacingOccurrences(of: "@", with: victim))
    #expect(throws: RestoreError.self) { try ground.restore(dump, to: "a.db") }
    #expect(FileManager.default.contents(atPath: ground.path("a.db")) == before)
    #expect(try ground.files == ["a.db"])
    #expect(access(victim, F_OK) != 0)
  }

  @Test("Dumps of earlier versions, made by the program sqlite3, are restored as before")
  func earlierDumps() throws {
    let dump = ground.dump(
      holding: """
        PRAGMA page_size = 8192;
        PRAGMA encoding = 'UTF-8';
        PRAGMA auto_vacuum = 1;
        PRAGMA foreign_keys = OFF;
        BEGIN;
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', 's', 's', 0, 'CREATE VIRTUAL TABLE s USING rtree(id, a, b)');
        CREATE TABLE "s_rowid"(rowid INTEGER PRIMARY KEY,nodeno);
        CREATE TABLE "s_node"(nodeno INTEGER PRIMARY KEY,data);
        CREATE TABLE "s_parent"(nodeno INTEGER PRIMARY KEY,parentnode);
        CREATE TABLE t(a INTEGER PRIMARY KEY AUTOINCREMENT, b);
        INSERT INTO "t"("a","b") VALUES(7,ieee754(4503599627370497,-1126));
        INSERT INTO "t"("a","b") VALUES(9,CAST(X'780079' AS TEXT));
        DELETE FROM sqlite_sequence;
        INSERT INTO "sqlite_sequence"("rowid","name","seq") VALUES(1,'t',900);
        CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a < 0; SELECT CASE WHEN 1 THEN 2 END; END;
        PRAGMA writable_schema = OFF;
        PRAGMA user_version = -7;
        PRAGMA application_id = 5;
        COMMIT;
        PRAGMA journal_mode = wal;
        -- End of this dump.

        """)
    try ground.restore(dump, to: "b.db")
    #expect(
      try ground.rows("b.db", "SELECT a, CAST(b AS BLOB) FROM t WHERE typeof(b) = 'text'") == ["i9|b780079"])
    #expect(
      try ground.rows("b.db", "SELECT b FROM t WHERE a = 7") == [
        "r" + String(Double(sign: .plus, exponent: -1126, significand: 4503599627370497).bitPattern, radix: 16)
      ])
    for (setting, value) in [("user_version", "i-7"), ("page_size", "i8192"), ("journal_mode", "t77616c")] {
      #expect(try ground.rows("b.db", "PRAGMA \(setting)") == [value])
    }
    #expect(try ground.rows("b.db", "SELECT seq FROM sqlite_sequence") == ["i900"])
  }

  /// A journal that names another one, which SQLite removes once the journal is rolled back.
  private func plantJournal(_ file: String, naming name: String, owner: uid_t) throws {
    let sum = Array(name.utf8).reduce(UInt32(0)) { $0 &+ UInt32(bitPattern: Int32(Int8(bitPattern: $1))) }
    func word(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    let end: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]
    let bytes = [UInt8](repeating: 1, count: 512) + Array(name.utf8) + word(UInt32(name.utf8.count)) + word(sum) + end
    try Data(bytes).write(to: URL(fileURLWithPath: ground.path(file)))
    chown(ground.path(file), owner, owner)
  }

  @Test("A hot journal that names another file does not make anybody remove it", arguments: [0, 65534] as [uid_t])
  func journals(owner: uid_t) throws {
    try ground.run("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    if geteuid() == 0 { for path in [ground.folder, ground.path("a.db")] { chown(path, owner, owner) } }
    try Data("kept".utf8).write(to: URL(fileURLWithPath: victim))
    try plantJournal("a.db-journal", naming: victim, owner: geteuid() == 0 ? owner : geteuid())
    let dump = try ground.dump("a.db")
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("VALUES(1,1);"))
    #expect(FileManager.default.contents(atPath: victim) == Data("kept".utf8))
  }

  @Test(
    "A journal, log or shared memory that is a link, a FIFO or a second name is refused",
    arguments: ["-journal", "-wal"])
  func companions(_ suffix: String) throws {
    let mode = suffix == "-wal" ? "PRAGMA journal_mode = wal;" : ""
    try ground.run("a.db", mode + "CREATE TABLE t(a)")
    let name = ground.path("a.db" + suffix)
    try Data("kept and long enough for a header of any kind".utf8).write(to: URL(fileURLWithPath: victim))
    for plant in [{ symlink(self.victim, name) }, { mkfifo(name, 0o600) }, { link(self.victim, name) }] {
      unlink(name)
      #expect(plant() == 0)
      #expect(throws: DumpError.self) { try ground.dump("a.db") }
      #expect(FileManager.default.contents(atPath: victim)?.starts(with: Data("kept".utf8)) == true)
    }
  }

  // MARK: - As root, in folders of others

  private static let isRoot: Bool = geteuid() == 0
  private static let nobody: uid_t = 65534

  /// A folder of another user's with a database of his, and a database of root's elsewhere.
  private func prepareForeign() throws {
    try ground.run("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES ('mine')")
    for path in [ground.folder, ground.path("a.db")] { chown(path, Self.nobody, Self.nobody) }
    mkdir(victim, 0o700)
    rename(ground.path("a.db"), victim + "/copy")
    try FileManager.default.copyItem(atPath: victim + "/copy", toPath: ground.path("a.db"))
    chown(ground.path("a.db"), Self.nobody, Self.nobody)
    chown(victim + "/copy", 0, 0)
  }

  @Test(
    "A link of another user's to what is not his is followed neither by a dump nor by a restore",
    .enabled(if: isRoot, "only root acts for others"), arguments: ["file", "folder"])
  func foreignLinks(_ kind: String) throws {
    try prepareForeign()
    let dump = try ground.dump("a.db")
    let before = FileManager.default.contents(atPath: victim + "/copy")
    let (name, target) = kind == "file" ? ("l.db", victim + "/copy") : ("l", victim)
    symlink(target, ground.path(name))
    lchown(ground.path(name), Self.nobody, Self.nobody)
    let file = kind == "file" ? "l.db" : "l/copy"
    let dumpError = #expect(throws: DumpError.self) { try ground.dump(file) }
    #expect(dumpError?.diagnosis.problem.contains("The link belongs to") == true)
    let error = #expect(throws: RestoreError.self) { try ground.restore(dump, to: file) }
    #expect(error?.diagnosis.problem.contains("The link belongs to") == true)
    #expect(FileManager.default.contents(atPath: victim + "/copy") == before)
  }

  @Test("A user's own link to his own file is followed", .enabled(if: isRoot, "only root acts for others"))
  func ownLinks() throws {
    try prepareForeign()
    symlink("a.db", ground.path("l.db"))
    lchown(ground.path("l.db"), Self.nobody, Self.nobody)
    let dump = try ground.dump("l.db")
    try ground.run("a.db", "DELETE FROM t")
    try ground.restore(dump, to: "l.db")
    #expect(try ground.rows("a.db", "SELECT a FROM t") == ["t6d696e65"])
    var facts = stat()
    #expect(lstat(ground.path("l.db"), &facts) == 0 && facts.st_mode & S_IFMT == S_IFLNK)
    #expect(stat(ground.path("a.db"), &facts) == 0 && facts.st_uid == Self.nobody)
  }

  @Test(
    "A file of root's in another user's folder is opened with that user's rights",
    .enabled(if: isRoot, "only root acts for others"))
  func rights() throws {
    try prepareForeign()
    chown(ground.path("a.db"), 0, 0)
    chmod(ground.path("a.db"), 0o600)
    #expect(throws: DumpError.self) { try ground.dump("a.db") }
    chmod(ground.path("a.db"), 0o644)
    #expect(try String(decoding: ground.dump("a.db").bytes, as: UTF8.self).contains("'mine'"))
  }

  @Test(
    "A file that is exchanged while it is restored takes no owner and no mode from it",
    .enabled(if: isRoot, "only root acts for others"))
  func exchanged() throws {
    try prepareForeign()
    chmod(victim + "/copy", 0o600)
    let dump = try ground.dump("a.db")
    let running = try ground.restorePlan(dump, to: "a.db").start(folder: nil, context: ground.context)
    try dump.bytes.withUnsafeBytes { try running.write($0) }
    let name = try #require(try ground.files.first { $0.hasPrefix(".a.db.") })
    rename(ground.path(name), ground.path("stolen"))
    symlink(victim + "/copy", ground.path(name))
    _ = try? running.finish()
    var facts = stat()
    #expect(stat(victim + "/copy", &facts) == 0 && facts.st_uid == 0 && facts.st_mode & 0o777 == 0o600)
  }

  @Test("Another name of the file is told before the file is replaced")
  func hardLinks() throws {
    try ground.run("a.db", "CREATE TABLE t(a)")
    let dump = try ground.dump("a.db")
    #expect(try ground.restorePlan(dump, to: "a.db").summary.contains("(the file is replaced)"))
    link(ground.path("a.db"), ground.path("second.db"))
    #expect(
      try ground.restorePlan(dump, to: "a.db").summary.contains("its other name, hard links elsewhere, keep the old"))
  }

  @Test("A mount in place of a file is told from a file")
  func mounts() throws {
    #expect(try SQLitePlace.isMountPoint("proc", in: Folder(opening: "/")))
    try ground.run("a.db", "CREATE TABLE t(a)")
    #expect(try !SQLitePlace(ground.path("a.db")).isMountPoint)
  }
}
