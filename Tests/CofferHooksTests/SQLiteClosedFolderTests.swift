import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// Databases of another user, as whom nothing can be written where they are.
@Suite(
  "SQLite databases where nothing can be written", .enabled(if: geteuid() == 0, "another user's rights are needed"))
struct SQLiteClosedFolderTests {
  private let ground: SQLiteGround
  private let closed: String

  init() throws {
    ground = try SQLiteGround()
    closed = ground.context.runtime.path + "/closed"
    mkdir(closed, 0o755)
  }

  /// Copies the database as it stands, with what the program sqlite3 has beside it at the end of a script.
  private func leave(_ script: String, _ suffixes: [String]) throws {
    let copying = suffixes.map { ".shell cp a.db\($0) \(closed)/\n" }.joined()
    let result = try ground.context.launcher.run(
      ChildCommand(
        "sqlite3", ["-bail", "a.db"], environment: ground.context.environment, workingDirectory: ground.folder),
      input: Array((script + "\n" + copying).utf8))
    try #require(result.status.isSuccess, "\(result.errorLines)")
    for suffix in suffixes {
      chown("\(closed)/a.db\(suffix)", 65533, 65533)
      chmod("\(closed)/a.db\(suffix)", 0o444)
    }
  }

  private func dump() throws -> TakenDump {
    let root = try makeRoot("sqlite_databases: [{name: app, path: \(closed)/a.db}]\n")
    return try TakenDump(
      try #require(ground.hook.dumps(of: root, context: ground.context).first), context: ground.context)
  }

  private func contents() throws -> [String: Data?] {
    try FileManager.default.contentsOfDirectory(atPath: closed).reduce(into: [:]) {
      $0[$1] = FileManager.default.contents(atPath: "\(closed)/\($1)")
    }
  }

  @Test("A database with a write-ahead log that is not there is read as it is")
  func withoutLog() throws {
    try ground.run("a.db", "PRAGMA journal_mode = wal; CREATE TABLE t(a); INSERT INTO t VALUES ('kept');")
    try leave("", [""])
    let before = try contents()
    #expect(String(decoding: try dump().bytes, as: UTF8.self).contains("'kept'"))
    #expect(try contents() == before)
  }

  @Test("What stands in a write-ahead log only comes back, be the dump SQL or a copy", arguments: ["a", "a NOT NULL"])
  func log(column: String) throws {
    try leave(
      """
      PRAGMA journal_mode = wal;
      PRAGMA wal_autocheckpoint = 0;
      CREATE TABLE t(a);
      INSERT INTO t VALUES (NULL), ('in the log');
      .dbconfig defensive off
      PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = 'CREATE TABLE t(\(column))';
      PRAGMA writable_schema = OFF;
      """, ["", "-wal"])
    let before = try contents()
    let dump = try dump()
    #expect(dump.facts.format == (column == "a" ? "sql" : "file"))
    try ground.restore(dump, to: "b.db")
    #expect(try ground.rows("b.db", "SELECT a FROM t") == ["null", "t" + "696e20746865206c6f67"])
    #expect(try ground.rows("b.db", "PRAGMA journal_mode") == ["t77616c"])
    #expect(try contents() == before)
  }

  @Test("What a journal says was not finished is rolled back in what is read, and stays where it is")
  func journal() throws {
    try leave(
      """
      CREATE TABLE t(a);
      INSERT INTO t VALUES ('before');
      INSERT INTO t SELECT hex(randomblob(2000)) FROM generate_series(1, 100);
      PRAGMA cache_size = 1;
      BEGIN;
      UPDATE t SET a = 'after' || a;
      """, ["", "-journal"])
    let before = try contents()
    #expect(before["a.db"]??.range(of: Data("after".utf8)) != nil)
    try ground.restore(try dump(), to: "b.db")
    #expect(
      try ground.rows("b.db", "SELECT count(*), sum(a = 'before'), sum(a LIKE 'after%') FROM t") == ["i101|i1|i0"])
    #expect(try contents() == before)
  }

  @Test("A log that is a link, or another user's second name, is not read")
  func links() throws {
    try leave("PRAGMA journal_mode = wal;\nCREATE TABLE t(a);", ["", "-wal"])
    try FileManager.default.moveItem(atPath: closed + "/a.db-wal", toPath: closed + "/other")
    symlink("other", closed + "/a.db-wal")
    let linked = #expect(throws: DumpError.self) { _ = try dump() }
    #expect(linked?.diagnosis.problem.contains("a.db-wal is a link") == true)
    unlink(closed + "/a.db-wal")
    link(closed + "/other", closed + "/a.db-wal")
    let second = #expect(throws: DumpError.self) { _ = try dump() }
    #expect(second?.diagnosis.problem.contains("a.db-wal has further names") == true)
  }
}
