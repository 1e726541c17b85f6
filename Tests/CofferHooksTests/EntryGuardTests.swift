import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What a dump's table of contents may have run when tables are taken from it")
struct EntryGuardTests {
  private static let settings: [CustomDumpBuilder.Entry] = [
    .init(number: 1, kind: "ENCODING", tag: "ENCODING", schema: nil, definition: "SET client_encoding = 'UTF8';\n"),
    .init(
      number: 2, kind: "STDSTRINGS", tag: "STDSTRINGS", schema: nil,
      definition: "SET standard_conforming_strings = 'on';\n"),
    .init(
      number: 3, kind: "SEARCHPATH", tag: "SEARCHPATH", schema: nil,
      definition: "SELECT pg_catalog.set_config('search_path', '', false);\n"),
  ]
  private static let table = CustomDumpBuilder.Entry(
    number: 7, kind: "TABLE", tag: "a", definition: "CREATE TABLE public.a (\n    x text DEFAULT 'b;c'::text\n);\n")
  private static let rows = CustomDumpBuilder.Entry(
    number: 20, kind: "TABLE DATA", tag: "a", definition: nil, copying: "COPY public.a (x) FROM stdin;\n",
    dependencies: [7], rows: ["1\n", "\\.\n\n\n"])

  /// What a restore of the table `public.a` would have run.
  private func taken(_ entries: [CustomDumpBuilder.Entry]) throws -> CustomContents {
    let contents = try CustomContents(CustomDumpBuilder(minor: 15, entries: entries).contents)
    let name = RelationName(schema: ServerText("public"), name: ServerText("a"))
    let tables = TableEntries(of: [name], in: contents)
    let archive = try TableArchive(
      tables, of: contents, places: [ServerText("public"): ServerText("new")], end: "SELECT 1")
    return try CustomContents(archive.contents)
  }

  private func problem(_ entries: [CustomDumpBuilder.Entry]) throws -> String? {
    do {
      _ = try taken(entries)
      return nil
    } catch let problem as TableArchive.Problem {
      return problem.text
    }
  }

  @Test("What sets how the others are read is taken in pg_dump's very words, and nothing is by any other")
  func settings() throws {
    let plain = try taken(Self.settings + [Self.table, Self.rows])
    #expect(plain.entries.prefix(3).map(\.kind) == ["ENCODING", "STDSTRINGS", "SEARCHPATH"])
    for (place, definition) in [
      (0, "SET client_encoding = 'SJIS';\n"), (0, "SET client_encoding = 'UTF8'; DROP TABLE b;\n"),
      (0, "SET client_encoding = 'UTF8';"), (0, "SET client_encoding = 'utf8\u{301}';\n"),
      (1, "SET standard_conforming_strings = 'on'; COMMIT;\n"), (1, "SET standard_conforming_strings = 'maybe';\n"),
      (2, "SELECT pg_catalog.set_config('search_path', '', false); COMMIT;\n"),
      (2, "SELECT pg_catalog.set_config('search_path', 'evil', false);\n"), (2, "SELECT evil();\n"), (2, ""),
    ] {
      var entries = Self.settings + [Self.table, Self.rows]
      entries[place].definition = definition
      let problem = try #require(try problem(entries), "\(definition)")
      #expect(problem.contains("entry \(entries[place].kind) is not what pg_dump writes"), "\(problem)")
    }
    for place in 0..<3 {
      var entries = Self.settings + [Self.table, Self.rows]
      entries.append(entries[place])
      #expect(try problem(entries)?.contains("2 entries") == true)
      #expect(try problem(Array(entries.dropLast().enumerated().filter { $0.offset != place }.map(\.element))) != nil)
    }
    for encoding in ["SQL_ASCII", "LATIN1", "EUC_JP", "WIN1252"] {
      var entries = Self.settings + [Self.table]
      entries[0].definition = "SET client_encoding = '\(encoding)';\n"
      #expect(try problem(entries) == nil)
    }
  }

  @Test("Texts with backslashes are not read by a rule that the dump sets otherwise")
  func backslashes() throws {
    var entries = Self.settings + [Self.table, Self.rows]
    entries[1].definition = "SET standard_conforming_strings = 'off';\n"
    #expect(try problem(entries) == nil)
    entries[3].definition = "CREATE TABLE public.a (x text DEFAULT '\\'; COMMIT; --');\n"
    #expect(try problem(entries)?.contains("backslashes") == true)
  }

  @Test(
    "An entry that is more than pg_dump writes for its kind is refused, and named",
    arguments: [
      ("TABLE", "CREATE TABLE public.a (x int); DROP TABLE public.b;"),
      ("TABLE", "CREATE TABLE public.a (x int); COMMIT;"), ("TABLE", "CREATE TABLE public.a AS SELECT evil();"),
      ("TABLE", "CREATE TABLE public.a (x) AS SELECT evil();"), ("TABLE", "CREATE TABLE public.b (x public.a.x%TYPE);"),
      ("TABLE", "CREATE TABLE public.a PARTITION OF public.b FOR VALUES IN (1);"),
      ("TABLE", "ALTER TABLE pg_class ADD CONSTRAINT x CHECK (public.a.x = 1);"),
      ("TABLE", "ALTER TABLE public.a ALTER COLUMN x SET DATA TYPE text USING pg_read_file('x');"),
      ("TABLE", "ALTER TABLE public.a INHERIT public.b;"), ("TABLE", "ALTER TABLE public.a SET SCHEMA other;"),
      ("TABLE", "ALTER TABLE public.a ADD CONSTRAINT c CHECK (x = 1), INHERIT public.b;"),
      ("TABLE", "DO $$ BEGIN PERFORM public.a(); END $$;"), ("TABLE", "SELECT evil() FROM public.a;"),
      ("CONSTRAINT", "ALTER TABLE public.a ADD CONSTRAINT c UNIQUE (x); COPY public.a TO PROGRAM 'sh';"),
      ("INDEX", "CREATE INDEX i ON public.a (x); GRANT pg_read_server_files TO evil;"),
      ("TRIGGER", "CREATE TRIGGER t AFTER INSERT ON public.a EXECUTE FUNCTION f(); DELETE FROM public.a;"),
      ("RULE", "CREATE RULE r AS ON INSERT TO public.a DO NOTHING; TRUNCATE public.a;"),
      ("POLICY", "CREATE POLICY p ON public.a; SET ROLE evil;"),
      ("DEFAULT", "ALTER TABLE public.a ALTER COLUMN x TYPE int USING evil();"),
      ("COMMENT", "COMMENT ON TABLE public.a IS 'x'; COMMENT ON DATABASE shop IS 'x';"),
      ("COMMENT", "COMMENT ON TABLE public.b IS 'public.a';"),
      ("ACL", "GRANT evil TO postgres; GRANT SELECT ON TABLE public.a TO x;"),
      ("ACL", "GRANT SELECT ON pg_authid, public.a TO evil;"),
      ("ACL", "GRANT SELECT ON TABLE public.a, public.b TO evil;"),
      ("ACL", "SET SESSION AUTHORIZATION evil; SET search_path = public.a;"),
      ("SECURITY LABEL", "SECURITY LABEL FOR p ON ROLE a IS 'public.a';"),
      ("SEQUENCE SET", "SELECT pg_catalog.setval('public.a', evil(), true);"),
    ])
  func foreign(kind: String, sql: String) throws {
    var entries = Self.settings + [Self.table, Self.rows]
    if kind == "TABLE" {
      entries[3].definition = sql
    } else {
      entries.append(.init(number: 30, kind: kind, tag: "the entry", definition: sql, dependencies: [7]))
      guard kind != "SEQUENCE SET" else {
        entries[5].tag = "s"
        entries.append(
          .init(
            number: 31, kind: "SEQUENCE OWNED BY", tag: "s", definition: "ALTER SEQUENCE public.s OWNED BY public.a.x;")
        )
        #expect(try problem(entries) != nil)
        return
      }
    }
    let problem = try problem(entries)
    // What is of another table does not come along in the first place.
    let isLeftOut = try problem == nil && !taken(entries).entries.contains { $0.kind == kind && kind != "TABLE" }
    #expect(problem != nil || isLeftOut, "\(sql)")
    if let problem, problem.contains("not what pg_dump writes") { #expect(problem.contains(kind), "\(problem)") }
  }

  @Test(
    "Rows come from the dump and go to the table, and nowhere else",
    arguments: [
      "COPY public.a FROM PROGRAM 'sh';", "COPY public.a TO PROGRAM 'sh';", "COPY public.a FROM '/etc/passwd';",
      "COPY public.a (x) FROM stdin; COMMIT;", "COPY (SELECT public.a.x) TO stdout;",
      "COPY public.a (x) FROM stdin WHERE f();",
      "COPY public.b FROM stdin; COPY public.a FROM stdin;",
    ])
  func copies(sql: String) throws {
    var entries = Self.settings + [Self.table, Self.rows]
    entries[4].copying = sql
    #expect(try problem(entries) != nil)
    entries[4].copying = "COPY public.a  FROM stdin;\n"
    entries[4].definition = "-- load via partition root public.a"
    #expect(try problem(entries) == nil)
    entries[4].definition = "-- a\rCOMMIT;"
    #expect(try problem(entries) != nil)
    entries[4].definition = nil
    entries[3].rows = ["DROP TABLE b;"]
    #expect(try problem(entries) != nil)
  }

  @Test(
    "Names that are words of the language, and what belongs to an extension, are nothing foreign",
    arguments: [
      ("TABLE", "CREATE TABLE partition.execute (x int) PARTITION BY LIST (x);"),
      ("TABLE", "CREATE UNLOGGED TABLE partition.execute (x int) WITH (fillfactor='70');"),
      ("INDEX", "ALTER INDEX partition.execute DEPENDS ON EXTENSION cube;"),
      ("CONSTRAINT", "ALTER INDEX partition.execute NO DEPENDS ON EXTENSION cube;"),
      ("TRIGGER", "ALTER TRIGGER \"t 1\" ON partition.execute DEPENDS ON EXTENSION cube;"),
    ])
  func ordinary(kind: String, sql: String) throws {
    let relations: Set<RelationName> = [RelationName(schema: ServerText("partition"), name: ServerText("execute"))]
    let guardian = EntryGuard(relations: relations, hasPlainTexts: true)
    func entry(_ sql: String) -> CustomContents.Entry {
      .init(number: 1, kind: kind, tag: Array("x".utf8), section: .preData, definition: Array(sql.utf8))
    }
    try guardian.check(entry(sql))
    for more in [" SELECT 1;", " COMMIT;"] {
      #expect(throws: EntryGuard.Foreign.self) { try guardian.check(entry(sql + more)) }
    }
    let other = sql.replacing(";", with: kind == "TABLE" ? " AS SELECT 1;" : ", evil;")
    #expect(throws: EntryGuard.Foreign.self) { try guardian.check(entry(other)) }
  }

  @Test("A text that another setting of the session ends elsewhere is refused")
  func settable() throws {
    for text in ["'a\\'", "'a\\''; COMMIT; --'", "'\\\\'", "E'\u{e9}\\'; COMMIT; --'", "E'\u{e9}\\n'"] {
      var entries = Self.settings + [Self.table, Self.rows]
      entries[3].definition = "CREATE TABLE public.a (x text DEFAULT \(text));\n"
      #expect(try problem(entries)?.contains("more than one way") == true, "\(text)")
    }
    for text in ["'a\\b'", "'\u{e9}\\b'", "'a''\\d+'", "E'a\\'b\\n\u{e9}'"] {
      var entries = Self.settings + [Self.table, Self.rows]
      entries[3].definition = "CREATE TABLE public.a (x text DEFAULT \(text));\n"
      #expect(try problem(entries) == nil, "\(text)")
    }
  }

  @Test("A table of contents with the byte 0 in a text is none")
  func zeros() {
    var entries = Self.settings + [Self.table]
    entries[3].definition = "CREATE TABLE public.a (x int);\0"
    #expect(throws: CustomContents.Problem.malformed("a text in it holds the byte 0")) {
      try CustomContents(CustomDumpBuilder(minor: 15, entries: entries).contents)
    }
  }
}
