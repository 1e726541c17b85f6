import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

/// MySQL and older servers of MariaDB cannot prepare every statement.
@Suite("Statements between delimiters, on a real server", .serialized)
struct MariaDBDelimitedTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }

  init() throws {
    bench = try MariaDBBench()
  }

  @Test("A server runs all statements that come as one, and finds one in each body that is sent")
  func delimited() throws {
    try one.recreate("attacked")
    try one.run("CREATE TABLE x (a INT); CREATE OR REPLACE USER mallory@'%'", in: "attacked")
    // What the seal must not let through.
    try one.run("DELIMITER $$\nCREATE PROCEDURE p() SELECT 1; GRANT SELECT ON *.* TO mallory@'%'$$\n", in: "attacked")
    #expect(try one.grants(of: "mallory@'%'").contains("GRANT SELECT ON *.*"))
    try one.run("DROP USER mallory@'%'")
    for body in MariaDBReadingTests.bodies {
      try one.recreate("attacked")
      try one.run("CREATE TABLE x (a INT)", in: "attacked")
      let sealed = try SealedScript.sealed(MariaDBStatement(body), .delimited)
      try one.run(String(decoding: sealed, as: UTF8.self), in: "attacked")
      let made = try one.run(
        """
        SELECT (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'attacked')
        + (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'attacked')
        + (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'attacked')
        """)
      #expect(made == "1\n", "\(body)")
    }
    try one.drop("attacked")
  }

  /// What is not sent to such a server: the other language, and modes that not every client knows.
  private static let otherLanguages = ["ORACLE", "PACKAGE", "NO_BACKSLASH", "slash()"]

  @Test("A rich database comes back whole by statements between delimiters")
  func roundTrip() throws {
    let programs = try Programs()
    let client = try programs.make(
      """
      case "$*" in
        *"SHOW VARIABLES WHERE"*) mariadb "$@" | sed "s/^version\t.*/version\t8.0.36/";;
        *) exec mariadb "$@";;
      esac
      """)
    let lines = MariaDBServer.richSchema.split(separator: "\n").filter { line in
      !Self.otherLanguages.contains { line.contains($0) }
    }
    try one.recreate("delimited")
    try one.run(lines.joined(separator: "\n"), in: "delimited")
    let context = try makeContext()
    let text = one.entry("delimited", "mariadb_command: \(client)")
    let root = try bench.configured(text)
    let dump = try bench.dump(text, context: context)
    #expect(dump.facts.serverVersion == "8.0.36")
    let before = try one.content(of: "delimited")
    try one.run("DROP TABLE orders; DROP FUNCTION next_one; CREATE TABLE other (i INT)", in: "delimited")
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(one.content(of: "delimited"), before)
    try one.drop("delimited")
    try bench.expectNothingLeft()
  }
}
