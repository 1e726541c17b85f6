import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL rows whose COPY does not begin", .serialized)
struct PostgreSQLUnbegunCopyTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// Rows that are statements for whoever takes them for some, whatever they stand in.
  private static let rows = [
    "COMMIT;", "ROLLBACK;", "ALTER ROLE intruder SUPERUSER;", "$$;", "';", "\";", "*/;", "COMMIT;",
    "ALTER ROLE intruder SUPERUSER;", "COPY letter FROM stdin;",
  ]

  private func prepare() throws {
    try remove()
    try one.run("CREATE ROLE intruder")
    try one.recreate("post")
    let values = Self.rows.map { "('\($0.replacingOccurrences(of: "'", with: "''"))')" }.joined(separator: ", ")
    try one.run(
      """
      CREATE TABLE letter(text text); CREATE TABLE number AS SELECT 1 AS n;
      INSERT INTO letter VALUES \(values);
      """, in: "post")
  }

  private func remove() throws {
    try one.drop("post")
    try one.run("DROP ROLE IF EXISTS intruder")
  }

  private func expectNoIntruder() throws {
    #expect(try one.run("SELECT rolsuper FROM pg_roles WHERE rolname = 'intruder'") == "f\n")
  }

  private func dump(_ lines: String...) throws -> (dump: TakenDump, root: ConfigurationSection) {
    let root = try configured(one.entry("post", "format: plain") + lines.map { "    \($0)\n" }.joined())
    let dump = try take(root, context)
    try one.drop("post")
    return (dump, root)
  }

  private func changed(_ dump: TakenDump, _ text: String, _ other: String) throws -> TakenDump {
    let script = String(decoding: dump.bytes, as: UTF8.self)
    try #require(script.contains(text))
    return TakenDump(facts: dump.facts, bytes: Array(script.replacingOccurrences(of: text, with: other).utf8))
  }

  private func restore(_ dump: TakenDump, _ root: ConfigurationSection, continues: Bool) throws -> [String] {
    var target = RestoreTarget()
    target.continuesOnErrors = continues
    let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    return try dump.restore(plan, context: context)
  }

  @Test("Rows of a COPY that begins, but not a second time, are no statements, and are told as lost")
  func secondTime() throws {
    try prepare()
    // As though somebody took the table away in between.
    let psql = try standIn(
      #"sed -u '/^COPY public.letter /{x;s/^/./;/^\.\.$/{x;s/public.letter/public.gone/;x};x}' | psql "$@""#)
    let (whole, root) = try dump("psql_command: \(psql)")
    let broken = try changed(whole, "CREATE TABLE public.number ", "SELECT 1 / 0;\nCREATE TABLE public.number ")
    let warnings = try restore(broken, root, continues: true)
    try expectNoIntruder()
    #expect(warnings.count == 3 && warnings[0].contains("without 2 parts"), "\(warnings)")
    #expect(
      warnings.contains {
        $0.contains("rows of table \"public.letter\"") && $0.contains("relation \"public.gone\" does not exist")
      }, "\(warnings)")
    #expect(try one.run("SELECT count(*) FROM letter UNION ALL SELECT n FROM number", in: "post") == "0\n1\n")
    try one.drop("post")
    #expect(throws: RestoreError.self) { try restore(broken, root, continues: false) }
    try expectNoIntruder()
    try remove()
  }

  @Test(
    "Rows without their table are no statements, whatever psql is told to do at errors",
    arguments: ["", "restore_options: --set ON_ERROR_STOP=0", "restore_options: --set ON_ERROR_ROLLBACK=on"])
  func missingTable(option: String) throws {
    try prepare()
    let (whole, root) = try dump(option)
    let broken = try changed(whole, "CREATE TABLE public.letter ", "CREATE TABLE public.other ")
    #expect(throws: (any Error).self) { try restore(broken, root, continues: false) }
    try expectNoIntruder()
    let warnings = try restore(broken, root, continues: true)
    try expectNoIntruder()
    #expect(
      warnings.contains { $0.contains("rows of table") && $0.contains("relation \"public.letter\" does not exist") },
      "\(warnings)")
    #expect(try one.run("SELECT n FROM number", in: "post") == "1\n")
    try remove()
  }

  @Test(
    "Rows that the server refuses are told as lost, whatever psql is told to do at errors",
    arguments: ["", "--set ON_ERROR_STOP=0", "--set ON_ERROR_ROLLBACK=on", "--set AUTOCOMMIT=off"])
  func refusedRows(option: String) throws {
    try prepare()
    let (whole, root) = try dump(option.isEmpty ? "" : "restore_options: \(option)")
    let broken = try changed(whole, "(n) FROM stdin;\n1\n", "(n) FROM stdin;\n1\nno number\n")
    #expect(throws: (any Error).self) { try restore(broken, root, continues: false) }
    let warnings = try restore(broken, root, continues: true)
    #expect(warnings.contains { $0.contains("rows of table") && $0.contains("\"no number\"") }, "\(warnings)")
    #expect(try one.run("SELECT count(*) FROM number", in: "post") == "0\n")
    #expect(try one.run("SELECT text FROM letter", in: "post") == Self.rows.joined(separator: "\n") + "\n")
    try remove()
  }

  @Test("Triggers that see a statement see each COPY of a tolerant restore once")
  func statementTrigger() throws {
    try prepare()
    let (whole, root) = try dump()
    let trigger = """
      CREATE TABLE public.seen(n int GENERATED ALWAYS AS IDENTITY);
      CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql
      AS 'BEGIN INSERT INTO public.seen DEFAULT VALUES; RETURN NULL; END';
      CREATE TRIGGER see BEFORE INSERT ON public.letter FOR EACH STATEMENT EXECUTE FUNCTION public.see();

      """
    let broken = try changed(whole, "COPY public.letter ", "\(trigger)SELECT 1 / 0;\nCOPY public.letter ")
    let warnings = try restore(broken, root, continues: true)
    #expect(warnings.count == 2 && warnings[1].contains("division by zero"), "\(warnings)")
    #expect(try one.run("SELECT count(*) FROM seen", in: "post") == "1\n")
    #expect(try one.run("SELECT text FROM letter", in: "post") == Self.rows.joined(separator: "\n") + "\n")
    try remove()
  }

  @Test("What stands behind a COPY on its line would be lost among its rows, so such a script is refused")
  func behindCopy() throws {
    try prepare()
    let (whole, root) = try dump()
    let broken = try changed(whole, "CREATE TABLE public.number ", "SELECT 1 / 0;\nCREATE TABLE public.number ")
    for end in ["SELECT 1;", "/*", "-- ;"] {
      let odd = try changed(broken, "(text) FROM stdin;\n", "(text) FROM stdin; \(end)\n")
      let error = #expect(throws: RestoreError.self) { try restore(odd, root, continues: true) }
      #expect(error?.diagnosis.suggestion?.contains("coffer extract") == true, "\(String(describing: error))")
      try expectNoIntruder()
    }
    try remove()
  }

  @Test("A script that ends behind a COPY, on its line or the next one, is not restored")
  func cutOff() throws {
    try prepare()
    let (whole, root) = try dump()
    let broken = try changed(whole, "CREATE TABLE public.number ", "SELECT 1 / 0;\nCREATE TABLE public.number ")
    let text = String(decoding: broken.bytes, as: UTF8.self)
    let end = try #require(text.range(of: "(text) FROM stdin;")).upperBound
    for rest in ["", "\n", "\nCOMMIT;"] {
      let cut = TakenDump(facts: broken.facts, bytes: Array(text[..<end].utf8) + rest.utf8)
      #expect(throws: RestoreError.self) { try restore(cut, root, continues: true) }
      try expectNoIntruder()
      #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname = 'post'") == "0\n")
    }
    try remove()
  }

  /// psql takes a line for ended there, and goes on with the next one as if it were the same.
  @Test("A zero byte, behind which psql reads a script otherwise, is refused in a statement and in rows")
  func zeroByte() throws {
    try prepare()
    let (whole, root) = try dump()
    let inStatement = try changed(whole, "CREATE TABLE public.number ", "SELECT '\0'\n';\nCREATE TABLE public.number ")
    let inRows = try changed(whole, "(text) FROM stdin;\n", "(text) FROM stdin;\na\0b\n")
    for dump in [inStatement, inRows] {
      // Where something has failed before, the script is read tolerantly.
      let broken = try changed(dump, "CREATE TABLE public.letter ", "SELECT 1 / 0;\nCREATE TABLE public.letter ")
      for (dump, continues) in [(dump, false), (broken, true)] {
        let error = #expect(throws: RestoreError.self) { try restore(dump, root, continues: continues) }
        #expect(error?.diagnosis.problem.contains("zero byte") == true, "\(String(describing: error))")
        try expectNoIntruder()
      }
    }
    #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname = 'post'") == "0\n")
    try remove()
  }
}
