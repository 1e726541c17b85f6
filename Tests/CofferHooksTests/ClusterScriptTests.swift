import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Taking pg_dumpall's script apart")
struct ClusterScriptTests {
  private static let text = #"""
    -- Roles
    CREATE ROLE joe;
    COMMENT ON ROLE joe IS 'he''s "
    -- Database "joke" dump
    CREATE ROLE boss;';
    \unrestrict key
    -- Database "x y" dump
    SET lock_timeout = 0;
    -- Name: x y; Type: DATABASE; Schema: -; Owner: postgres
    CREATE DATABASE "x y" WITH TEMPLATE = template0;
    ALTER DATABASE "x y" OWNER TO joe;
    \connect -reuse-previous=on "dbname='x y'"
    SET lock_timeout = 0;
    -- Name: DATABASE "x y"; Type: COMMENT; Schema: -; Owner: postgres
    COMMENT ON DATABASE "x y" IS 'about DATABASE "x y" ';
    -- Name: t; Type: TABLE; Schema: public; Owner: postgres
    CREATE FUNCTION f() AS $a$ it's
    COPY $b$ $ax$ FROM stdin;
    -- Database "body" dump
    \connect elsewhere
    $a$ /* ' /* */
    COPY x FROM stdin;
    */ -- '
    ALTER DATABASE "x y" IN A BODY;
    COPY public.t (a) FROM stdin;
    -- Database "fake" dump
    \connect row
    \.
    \connect again
    DONE;

    """#

  private func take(_ pieces: Int) throws -> [String] {
    var script = ClusterScript { "tmp \($0.shown)" }
    var parts: [String] = []
    let bytes = Array(Self.text.utf8)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      try Array(bytes[start..<min(start + pieces, bytes.count)]).withUnsafeBytes {
        try script.feed($0) { part in
          switch part {
          case .global(let line): parts.append("G \(line.shown)")
          case .database(let name): parts.append("D \(name.shown)")
          case .creation(let statement): parts.append("C \(statement.shown)")
          case .content(let line): parts.append("  " + String(decoding: line.dropLast(), as: UTF8.self))
          }
        }
      }
    }
    return parts
  }

  @Test(
    "Globals, databases, creations and content come apart, however the bytes are cut", arguments: [1, 2, 7, 50, 10_000])
  func parts(pieces: Int) throws {
    let parts = try take(pieces)
    let expected = [
      "G CREATE ROLE joe;",
      #"G COMMENT ON ROLE joe IS 'he''s "\#n-- Database "joke" dump\#nCREATE ROLE boss;';"#, "D x y",
      #"C CREATE DATABASE "tmp x y" WITH TEMPLATE = template0;"#, #"C ALTER DATABASE "tmp x y" OWNER TO joe;"#,
      "  SET lock_timeout = 0;", #"  -- Name: DATABASE "x y"; Type: COMMENT; Schema: -; Owner: postgres"#,
      #"  COMMENT ON DATABASE "tmp x y" IS 'about DATABASE "x y" ';"#,
      "  -- Name: t; Type: TABLE; Schema: public; Owner: postgres", "  CREATE FUNCTION f() AS $a$ it's",
      "  COPY $b$ $ax$ FROM stdin;", #"  -- Database "body" dump"#, #"  \connect elsewhere"#, "  $a$ /* ' /* */",
      "  COPY x FROM stdin;", "  */ -- '", #"  ALTER DATABASE "x y" IN A BODY;"#, "  COPY public.t (a) FROM stdin;",
      #"  -- Database "fake" dump"#, #"  \connect row"#, #"  \."#, "  DONE;",
    ]
    expectSame(parts.joined(separator: "\n"), expected.joined(separator: "\n"))
  }

  @Test("New roles are made with all that is theirs, old ones are changed, and the restoring one keeps its password")
  func globals() {
    let script = [
      "SET x = 1;", "DROP ROLE old;", "CREATE ROLE postgres;", "ALTER ROLE postgres WITH SUPERUSER PASSWORD 'other';",
      "ALTER ROLE postgres SET a TO 'x WITH y';", #"CREATE ROLE "a ""b""";"#, #"ALTER ROLE "a ""b""" WITH LOGIN;"#,
      "CREATE ROLE old;", "ALTER ROLE old WITH LOGIN;", #"GRANT old TO "a ""b""" GRANTED BY postgres;"#,
      "CREATE TABLESPACE far OWNER old LOCATION '/far';", "ALTER TABLESPACE far SET (seq_page_cost='2');",
      "REVOKE ALL ON TABLESPACE far FROM old;", "GRANT ALL ON TABLESPACE near TO old;",
    ]
    let globals = GlobalStatements(script.map { ServerText($0) }, restoringAs: ServerText("postgres"))
    #expect(globals.roles.map(\.shown) == ["a \"b\"", "old"])
    #expect(globals.tablespaces.map(\.name.shown) == ["far"])
    #expect(globals.making([ServerText("a \"b\"")]).map(\.shown) == [script[5], script[6]])
    let changes = globals.changes(besides: [ServerText("a \"b\"")], without: [ServerText("far")]).map(\.shown)
    let reset = "ALTER ROLE \"old\" WITH CONNECTION LIMIT -1 VALID UNTIL 'infinity';"
    #expect(changes == [script[0], script[4], reset, script[8], script[9], script[13]])
  }

  @Test("A name with a line break, a body with semicolons and bytes that are no UTF-8 come through whole")
  func oddContent() throws {
    let head = "-- Database \"o\" dump\nCREATE DATABASE \"o\" ENCODING = 'LATIN1';\n\\connect o\n"
    let content: [UInt8] =
      Array("COPY public.s (id, \"a\n FROM stdin;\nb\") FROM stdin;\n".utf8)
      + "-- Name: DATABASE o\n\\connect x\n\\.\n".utf8
      + "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\n SELECT 1;\n\\connect y\nEND;\n".utf8
    let comment =
      Array("-- Name: DATABASE o; Type: COMMENT\nCOMMENT ON DATABASE o IS 'M".utf8) + [0xfc]
      + "\nx DATABASE o ';\n".utf8
    let renamed =
      Array("-- Name: DATABASE o; Type: COMMENT\nCOMMENT ON DATABASE \"tmp\" IS 'M".utf8) + [0xfc]
      + "\nx DATABASE o ';\n".utf8
    var script = ClusterScript { _ in "tmp" }
    var got: [UInt8] = []
    var creations: [String] = []
    try (Array(head.utf8) + content + comment).withUnsafeBytes {
      try script.feed($0) { part in
        if case .content(let bytes) = part { got += bytes }
        if case .creation(let statement) = part { creations.append(statement.shown) }
      }
    }
    #expect(got == content + renamed)
    #expect(creations == ["CREATE DATABASE \"tmp\" ENCODING = 'LATIN1';"])
  }

  @Test("A member whose name looks like the end of a statement is granted to whole")
  func grantors() {
    let grant = #"GRANT a TO "b GRANTED BY ""c" WITH ADMIN OPTION GRANTED BY "d GRANTED BY e";"#
    let globals = GlobalStatements([ServerText(grant)], restoringAs: ServerText("x"), isSuperuser: false)
    let changes = globals.changes(besides: [], without: []).map(\.shown)
    #expect(changes == [#"GRANT a TO "b GRANTED BY ""c" WITH ADMIN OPTION;"#])
    #expect(GlobalStatements([ServerText("DO 'x';")], restoringAs: ServerText("x")).strange?.shown == "DO 'x';")
  }

  @Test("Lists of names are read as the server keeps them")
  func identifiers() {
    func names(_ list: String) -> [String]? { PostgreSQLText.identifiers(ServerText(list))?.map(\.shown) }
    #expect(names(#"public, "does not end"#) == nil)
    #expect(
      names(#""$user", public , "odd ""one"", two",$libdir/x"#)
        == ["$user", "public", "odd \"one\", two", "$libdir/x"])
    #expect(names("") == [])
    #expect(names("a b") == nil)
  }
}
