import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Taking pg_dumpall's script apart")
struct ClusterScriptTests {
  private static let text = #"""
    -- Roles
    CREATE ROLE joe;
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
    ALTER DATABASE "x y" IN A BODY;
    COPY public.t (a) FROM stdin;
    -- Database "fake" dump
    \connect row
    \.
    \connect again
    DONE;

    """#

  private func take(_ pieces: Int) throws -> [String] {
    var script = ClusterScript { "tmp \($0)" }
    var parts: [String] = []
    let bytes = Array(Self.text.utf8)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      try Array(bytes[start..<min(start + pieces, bytes.count)]).withUnsafeBytes {
        try script.feed($0) { part in
          switch part {
          case .global(let line): parts.append("G \(line)")
          case .database(let name): parts.append("D \(name)")
          case .creation(let statement): parts.append("C \(statement)")
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
      "G -- Roles", "G CREATE ROLE joe;", "D x y", #"C CREATE DATABASE "tmp x y" WITH TEMPLATE = template0;"#,
      #"C ALTER DATABASE "tmp x y" OWNER TO joe;"#, "  SET lock_timeout = 0;",
      #"  -- Name: DATABASE "x y"; Type: COMMENT; Schema: -; Owner: postgres"#,
      #"  COMMENT ON DATABASE "tmp x y" IS 'about DATABASE "x y" ';"#,
      "  -- Name: t; Type: TABLE; Schema: public; Owner: postgres", #"  ALTER DATABASE "x y" IN A BODY;"#,
      "  COPY public.t (a) FROM stdin;", #"  -- Database "fake" dump"#, #"  \connect row"#, #"  \."#, "  DONE;",
    ]
    expectSame(parts.joined(separator: "\n"), expected.joined(separator: "\n"))
  }

  @Test("Roles can be made twice, and the restoring one is left as it is")
  func globals() {
    #expect(ClusterGlobals.repeatable("CREATE ROLE postgres;", except: "postgres") == nil)
    #expect(ClusterGlobals.repeatable("ALTER ROLE postgres WITH SUPERUSER;", except: "postgres") == nil)
    #expect(ClusterGlobals.repeatable(#"CREATE ROLE "a b";"#, except: "a b") == nil)
    #expect(ClusterGlobals.repeatable("CREATE TABLESPACE t OWNER x;", except: "postgres") == nil)
    #expect(ClusterGlobals.repeatable("ALTER ROLE joe SET work_mem TO '1';", except: "postgres") != nil)
    let made = ClusterGlobals.repeatable("CREATE ROLE joe;", except: "postgres")
    #expect(made?.contains("duplicate_object") == true && made?.contains("CREATE ROLE joe;") == true)
  }
}
