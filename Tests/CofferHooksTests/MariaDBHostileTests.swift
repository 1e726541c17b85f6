import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What a MariaDB database holds does not run as who restores it", .serialized)
struct MariaDBHostileTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }

  init() throws {
    bench = try MariaDBBench()
  }

  /// Dumps and restores a database whose owner may do nothing else, and checks that he still may not.
  ///
  /// - Parameter script: What the owner runs in it.
  private func attack(_ script: String) throws -> (before: String, after: String) {
    try one.recreate("attacked")
    try one.run(
      "CREATE OR REPLACE USER mallory@'%' IDENTIFIED BY 'm'; GRANT ALL ON attacked.* TO mallory@'%'")
    let rights = try one.grants(of: "mallory@'%'")
    try one.run(script, in: "attacked")
    let before = try one.content(of: "attacked")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("attacked"), context: context)
    let plan = try plan(dump, context)
    #expect(try bench.own(dump.restore(plan, context: context)) == [])
    #expect(try one.grants(of: "mallory@'%'") == rights)
    let after = try one.content(of: "attacked")
    try one.drop("attacked")
    try one.run("DROP USER mallory@'%'")
    try bench.expectNothingLeft()
    return (before, after)
  }

  /// Makes a database of one row and dumps it.
  ///
  /// - Returns: Besides the dump, where in it the rows end, the database's content, and what it was dumped with.
  private func takeRow() throws -> (dump: TakenDump, place: Int, before: String, context: HookContext) {
    try one.recreate("attacked")
    try one.run("CREATE TABLE t (i INT); INSERT INTO t VALUES (1)", in: "attacked")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("attacked"), context: context)
    let place = try #require(dump.bytes.indices.last { dump.bytes[$0...].starts(with: "UNLOCK TABLES".utf8) })
    return (dump, place, try one.content(of: "attacked"), context)
  }

  /// - Parameter context: What the dump was taken with.
  private func plan(_ dump: TakenDump, _ context: HookContext) throws -> any PlannedRestore {
    try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(one.entry("attacked")), context: context)
  }

  @Test(
    "Statements in names and bodies stay what they are, and come back as they were",
    arguments: [
      // A quote with a combining mark behind it is one Character.
      "CREATE VIEW `v``\u{301}; GRANT ALL ON *.* TO mallory; #` AS SELECT 1 AS a",
      "CREATE TABLE `t``\u{301}; GRANT ALL ON *.* TO mallory; #` (`c``\u{301}` INT COMMENT 'x''\u{301}; DROP TABLE t')",
      // Comments that only the server sees, and such as look like the end of what is around them.
      "DELIMITER $$\nCREATE PROCEDURE p() CREATE TABLE zz (a INT) --\u{1};;\nSELECT 1 AS x$$\n",
      "DELIMITER $$\nCREATE PROCEDURE p() CREATE TABLE zz (a INT) --\u{1}'`\";;\nSELECT 1 AS x$$\n",
      "CREATE TABLE t (a INT);\nDELIMITER $$\nCREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW "
        + "SET @a = 2 */*;;\nGRANT ALL ON *.* TO mallory;;\n*/ 3$$\n",
      "SET sql_mode = 'ANSI_QUOTES'; CREATE FUNCTION \"f\\\"() RETURNS INT DETERMINISTIC RETURN 1",
      "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; CREATE FUNCTION f() RETURNS TEXT DETERMINISTIC RETURN '\\'",
    ])
  func statements(script: String) throws {
    let (before, after) = try attack(script)
    expectSame(after, before)
  }

  @Test("A right on a routine that is left of an account that is gone makes no account, and others come back")
  func leftRights() throws {
    try one.recreate("attacked")
    try one.run(
      """
      CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
      CREATE OR REPLACE USER gone@'%' IDENTIFIED BY 'g', stays@'%' IDENTIFIED BY 's';
      GRANT EXECUTE ON FUNCTION f TO gone@'%', stays@'%';
      DELETE FROM mysql.global_priv WHERE User = 'gone'; FLUSH PRIVILEGES;
      """, in: "attacked")
    let rights = try one.grants(of: "stays@'%'")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("attacked"), context: context)
    #expect(try bench.own(dump.restore(plan(dump, context), context: context)) == [])
    #expect(try one.run("SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'gone'") == "0\n")
    #expect(rights.contains("EXECUTE"))
    #expect(try one.grants(of: "stays@'%'") == rights)
    try one.drop("attacked")
    try one.run("DROP USER stays@'%'; DELETE FROM mysql.procs_priv WHERE User = 'gone'; FLUSH PRIVILEGES")
  }

  @Test("A routine in a character set whose characters hold backslashes comes back", arguments: ["gbk", "sjis"])
  func wideCharacters(charset: String) throws {
    let body = "SELECT '\u{2}'".utf8.flatMap { $0 == 2 ? [0xE0, 0x5C] as [UInt8] : [$0] }
    let statement = Array("CREATE PROCEDURE p() ".utf8) + body
    let hex = statement.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    let script = "SET character_set_client = \(charset); EXECUTE IMMEDIATE X'\(hex)'; SET NAMES utf8mb4"
    let (before, after) = try attack(script)
    expectSame(after, before)
  }

  @Test("A dump that was changed to change accounts is refused, and nothing was done")
  func changedDump() throws {
    let (dump, place, before, context) = try takeRow()
    for text in [
      "CREATE USER made_by_dump;\n", "INSERT INTO `t` VALUES (SLEEP(0));\n", "DROP DATABASE `mysql2`; DO 1;\n",
    ] {
      let changed = TakenDump(dump, inserting: text, at: place)
      let plan = try plan(dump, context)
      #expect(throws: RestoreError.self) { try changed.restore(plan, context: context) }
      try expectSame(one.content(of: "attacked"), before)
    }
    #expect(try one.run("SELECT COUNT(*) FROM mysql.user WHERE User = 'made_by_dump'") == "0\n")
    try one.drop("attacked")
    try bench.expectNothingLeft()
  }

  @Test(
    "Rows of a dump that was changed call no function of another database", arguments: ["gbk", "sjis", "latin1"])
  func calling(charset: String) throws {
    try one.recreate("\u{5e93}")
    try one.run("CREATE TABLE called (i INT)", in: "\u{5e93}")
    try one.run(
      """
      DELIMITER $$
      CREATE FUNCTION \u{51fd}\u{6570}(a INT) RETURNS INT SQL SECURITY INVOKER BEGIN INSERT INTO called VALUES (a); RETURN a; END$$
      """, in: "\u{5e93}")
    let (dump, place, before, context) = try takeRow()
    let names: [String: [UInt8]] = [
      "gbk": [0xBF, 0xE2, 0x2E, 0xBA, 0xAF, 0xCA, 0xFD], "sjis": [0x8C, 0xC9, 0x2E, 0x94, 0x9F, 0x90, 0x94],
    ]
    let call = names[charset].map { $0 + Array("(1)".utf8) } ?? [0xA0] + Array("SLEEP(0)".utf8)
    let gap: [UInt8] = names[charset] == nil ? [0xA0] : [0x20]
    let rows = Array("INSERT INTO `t`".utf8) + gap + Array("VALUES (".utf8) + call + Array(");\n".utf8)
    let statements = Array("SET NAMES \(charset);\n".utf8) + rows + Array("SET NAMES utf8mb4;\n".utf8)
    let changed = TakenDump(dump, inserting: statements, at: place)
    let plan = try plan(dump, context)
    #expect(throws: RestoreError.self) { try changed.restore(plan, context: context) }
    try expectSame(one.content(of: "attacked"), before)
    #expect(try one.run("SELECT * FROM called", in: "\u{5e93}") == "")
    try one.drop("attacked")
    try one.drop("\u{5e93}")
    try bench.expectNothingLeft()
  }

  @Test("A blank of the character set hides nothing from who reads a dump that was changed")
  func hiding() throws {
    let (dump, place, before, context) = try takeRow()
    let plan = try plan(dump, context)
    for text in ["CREATE ~USER~event", "CREATE TABLE x (a INT)~SELECT~SLEEP(0) AS a"] {
      let hidden = "SET NAMES latin1;\n\(text);\nSET NAMES utf8mb4;\n".utf8.map { $0 == UInt8(ascii: "~") ? 0xA0 : $0 }
      let changed = TakenDump(dump, inserting: hidden, at: place)
      #expect(throws: RestoreError.self, "\(text)") { try changed.restore(plan, context: context) }
    }
    #expect(try one.run("SELECT COUNT(*) FROM mysql.user WHERE User = 'event'") == "0\n")
    try expectSame(one.content(of: "attacked"), before)
    try one.run("DROP USER IF EXISTS event")
    try one.drop("attacked")
    try bench.expectNothingLeft()
  }

  @Test("Triggers and views of a dump that was changed do nothing with the rows behind them")
  func firing() throws {
    try one.recreate("bystander")
    try one.run("CREATE TABLE t (i INT)", in: "bystander")
    let (dump, place, before, context) = try takeRow()
    let firing = TakenDump(
      dump,
      inserting: """
        CREATE TRIGGER r BEFORE INSERT ON `t` FOR EACH ROW INSERT INTO bystander.t VALUES (NEW.i);
        INSERT INTO `t` VALUES (2);

        """, at: place)
    let plan = try plan(dump, context)
    #expect(try bench.own(firing.restore(plan, context: context)) == [])
    #expect(try one.run("SELECT i FROM t ORDER BY 1; SHOW TRIGGERS", in: "attacked").contains("r\tINSERT\tt"))
    #expect(try one.run("SELECT * FROM bystander.t") == "")
    try one.run("DROP TRIGGER r; DELETE FROM t WHERE i = 2", in: "attacked")
    try expectSame(one.content(of: "attacked"), before)

    // A view on the server's own tables, and rows for it.
    let rows = "INSERT INTO `v` VALUES ('h', 'n', 'x');\n"
    let writing = TakenDump(
      dump, inserting: "CREATE VIEW `v` AS SELECT Host, Db, User FROM mysql.db;\n" + rows, at: place)
    #expect(throws: RestoreError.self) { try writing.restore(plan, context: context) }
    #expect(try one.run("SELECT COUNT(*) FROM mysql.db WHERE Db = 'n'") == "0\n")
    // What is not for this server must not hide what is.
    for text in [
      "/*!99999 CREATE TABLE x ( */ CREATE USER made_by_dump /*!99999 ) */;\n",
      "/*!99999 SET @a = */ CREATE USER made_by_dump;\n",
    ] {
      let changed = TakenDump(dump, inserting: text, at: place)
      #expect(throws: RestoreError.self) { try changed.restore(plan, context: context) }
    }
    #expect(try one.run("SELECT COUNT(*) FROM mysql.user WHERE User = 'made_by_dump'") == "0\n")
    try expectSame(one.content(of: "attacked"), before)
    try one.drop("attacked")
    try one.drop("bystander")
    try bench.expectNothingLeft()
  }

  /// Pieces of statements that the server takes, with signs in them that could be an end or a beginning.
  private static let pieces = [
    "'a;b'", "'it''s;'", "'\\';'", "\"x;\\\"y\"", "\"'\"", "'\"'", " /* ; ' */", "/*/ ; */", "/**/", " -- ;'\n",
    "#;\"\n",
    " --\u{1};'\n", "--\u{7F};`\n", " --\t'\n", "+ 2*/*c;*/3", "+1--1", "- -1", "/*! + 1 */ ", "/*!50000 + ';' */ ",
    "+x'41'",
    "+'\\\\'", "+'--'", "+'/*'", "+'\u{301};'", "+'\u{e9}'", "+'😀'", "/2", "*2", "\n", "\t", "/* *; * / */", "+'#'",
  ]

  @Test("Where statements end is what the server says, for statements made of whatever could look like an end")
  func fuzzedEnds() throws {
    try Fuzz.run(.mariadbStatements, atLeast: 60) { random in
      var text = ""
      // A client that takes such a comment for text would stop at a backslash in it, and change what looks like another.
      let isOdd = Bool.random(using: &random)
      let pieces = Self.pieces.filter { piece in
        isOdd ? !piece.holds("\\") && !piece.holds("/*") : !piece.holds("\u{1}") && !piece.holds("\u{7F}")
      }
      for _ in 1...Int.random(in: 1...8, using: &random) {
        text += "DO 1"
        for _ in 0...Int.random(in: 0...5, using: &random) {
          let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
          text += piece.utf8.first.map { "'\"".utf8.contains($0) } == true ? " + " + piece : piece
        }
        text += ";\n"
      }
      let counting = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'COM_DO'"
      // Sent as one text, so that only the server looks for ends.
      let sealed = try one.run("DELIMITER \u{1F980}\n" + text + counting)
      var splitter = StatementSplitter()
      var count = 0
      let size = Int.random(in: 1...40, using: &random)
      let bytes = Array(text.utf8) + Array("-- Dump completed\n".utf8)
      for start in stride(from: 0, to: bytes.count, by: size) {
        try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { try splitter.feed($0) { _ in count += 1 } }
      }
      #expect(sealed == "\(count)\n", "\(text)")
      #expect(splitter.isComplete)
    }
  }

  @Test("Names of tables, columns and views come back as the same bytes, whatever they are made of")
  func fuzzedNames() throws {
    var random = SeededRandom(36)
    let alphabet = "a`'\"\\;#-*/ \u{301}\u{200d}\u{e9}%_.\n\t$(){}\u{1}\u{ffe6}"
    let names = (1...12).map { number in "\(random.text(alphabet))n\(number)" }
    try one.recreate("named")
    for name in names {
      let quoted = Quoting.mariadbIdentifier(name)
      try one.run("CREATE TABLE \(quoted) (\(quoted) INT); INSERT INTO \(quoted) VALUES (7)", in: "named")
      try one.run(
        "CREATE VIEW \(Quoting.mariadbIdentifier("v" + name)) AS SELECT \(quoted) FROM \(quoted)", in: "named")
    }
    func hexNames() throws -> String {
      try one.run(
        """
        SELECT HEX(TABLE_NAME), HEX(COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'named' ORDER BY 1, 2
        """)
    }
    let before = try hexNames()
    let context = try makeContext()
    let root = try bench.configured(one.entry("named"))
    let dump = try bench.dump(one.entry("named"), context: context)
    for _ in 1...2 {
      let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      #expect(try dump.restore(plan, context: context) == [])
      #expect(try hexNames() == before)
    }
    for name in names {
      let view = Quoting.mariadbIdentifier("v" + name)
      #expect(try one.run("SELECT * FROM \(view)", in: "named") == "7\n")
    }
    try one.drop("named")
    try bench.expectNothingLeft()
  }
}
