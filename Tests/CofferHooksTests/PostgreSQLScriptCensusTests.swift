import CofferSystem
import Testing

@testable import CofferHooks

@Suite("What a script of pg_dumpall holds, counted as it goes by")
struct PostgreSQLScriptCensusTests {
  private static let script = #"""
    --
    -- PostgreSQL database cluster dump
    --

    \restrict abc
    SET default_transaction_read_only = off;
    CREATE ROLE alice;
    ALTER ROLE alice WITH SUPERUSER PASSWORD 'CREATE ROLE nobody;';
    CREATE ROLE "Bob ""B""";
    COMMENT ON ROLE alice IS 'one
    CREATE ROLE boss;
    -- Database "x" dump
    ';
    CREATE TABLESPACE far OWNER alice LOCATION '/x';

    -- Database "template1" dump
    \connect template1
    CREATE TABLE public.born (a integer);
    COPY public.born (a) FROM stdin;
    1
    \.

    -- Database "shop" dump
    CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';
    \connect shop
    CREATE EXTENSION IF NOT EXISTS "odd-one" WITH SCHEMA public;
    CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;
    CREATE FUNCTION public.f() RETURNS integer
        LANGUAGE sql
        AS $$
    CREATE VIEW public.none AS SELECT 1;
    COPY public.orders (a) FROM stdin;
    $$;
    CREATE TABLE public.orders (
        a integer DEFAULT 1,
        t text DEFAULT '
    PARTITION BY RANGE (a)
    '::text
    );
    CREATE UNLOGGED TABLE public."Quick" (
    );
    CREATE TABLE public.parent (
        a integer
    )
    PARTITION BY RANGE (a);
    CREATE TABLE public.leaf (
        a integer
    );
    CREATE TABLE public.empty (
        a text
    );
    CREATE VIEW public.v AS
     SELECT NULL::integer AS a;
    CREATE OR REPLACE VIEW public.v AS
     SELECT 1 AS a;
    CREATE SEQUENCE public.s
        START WITH 1;
    CREATE UNLOGGED SEQUENCE public.quick;
    ALTER TABLE public.orders ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (
        SEQUENCE NAME public."orders a"
        START WITH 1
    );
    COPY public.orders (a, t) FROM stdin;
    1	x
    2	\\.
    \\.	y
    \N	-- Database "no" dump
    \.


    COPY public."Quick"  FROM stdin;


    \.


    COPY public.parent (a) FROM stdin;
    7
    \.


    COPY public.extensions_own (a) FROM stdin;
    7
    \.


    COPY public.empty (a) FROM stdin;
    \.


    SELECT pg_catalog.setval('public.s', -12, true);
    SELECT pg_catalog.setval('public."S t"', 1, false);
    SELECT pg_catalog.setval('public.quick', 5, true);
    SELECT pg_catalog.setval('public."orders a"', 3, true);
    SELECT pg_catalog.setval('public.extensions_own', 9, true);

    -- Database "other" dump
    CREATE DATABASE other WITH TEMPLATE = template0;
    \connect other
    CREATE TABLE "o.o".orders (
        a integer
    );
    COPY "o.o".orders (a) FROM stdin;
    1
    \.

    -- PostgreSQL database cluster dump complete
    --


    """#

  private func count(_ script: [UInt8], pieces: Int) throws -> DumpContent {
    let census = PostgreSQLScriptCensus()
    for start in stride(from: 0, to: script.count, by: pieces) {
      Array(script[start..<min(start + pieces, script.count)]).withUnsafeBytes(census.write)
    }
    return try #require(census.content())
  }

  @Test("Tables, rows, sequences, objects, roles and tablespaces are those of the script, however it is cut")
  func all() throws {
    let bytes = Array(Self.script.utf8)
    let whole = try count(bytes, pieces: bytes.count)
    #expect(
      whole.tables == [
        .init(name: "shop.public.orders", rows: 4), .init(name: "shop.public.\"Quick\"", rows: 2),
        .init(name: "shop.public.leaf", rows: nil), .init(name: "shop.public.empty", rows: 0),
        .init(name: "other.\"o.o\".orders", rows: 1),
      ])
    #expect(
      whole.sequences == [
        .init(name: "shop.public.s", value: -12), .init(name: "shop.public.quick", value: 5),
        .init(name: "shop.public.\"orders a\"", value: 3),
      ])
    #expect(
      whole.objects == [
        "view": 1, "function": 1, "extension": 1, "materialized view": 0, "foreign table": 0, "event trigger": 0,
        "tablespace": 1,
      ])
    #expect(whole.accounts == ["alice", "\"Bob \"\"B\"\"\""])
    #expect(whole.needs.extensions == [ServerText("odd-one")])
    #expect(whole.remark?.hasPrefix("1 of 5 tables were not counted") == true)
    for pieces in [1, 2, 3, 5, 7, 64] { #expect(try count(bytes, pieces: pieces) == whole, "\(pieces)") }
  }

  @Test("What ends within a statement is not counted")
  func cut() throws {
    let bytes = Array(Self.script.utf8)
    let end = try #require(bytes.indices.first { bytes[$0...].starts(with: "CREATE VIEW public.none".utf8) })
    let content = try count(Array(bytes[..<end]), pieces: 100)
    #expect(content.tables.isEmpty && content.accounts == nil && content.remark != nil)
  }

  @Test(
    "What is counted of a database has the names of what is counted of its script, however a server has quoted them")
  func names() {
    var content = DumpContent(tables: [.init(name: "a.a", rows: 1)], objects: ["view": 1])
    content.add(
      DumpContent(
        tables: [.init(name: "public.\"order\"", rows: 2), .init(name: "\"S\".\"x.y\"\"\"", rows: 3)],
        objects: ["view": 2], sequences: [.init(name: "\"public\".s", value: 4)]),
      of: ServerText("my shop"))
    #expect(
      content.tables == [
        .init(name: "a.a", rows: 1), .init(name: "\"my shop\".public.order", rows: 2),
        .init(name: "\"my shop\".\"S\".\"x.y\"\"\"", rows: 3),
      ])
    #expect(content.objects == ["view": 3] && content.sequences == [.init(name: "\"my shop\".public.s", value: 4)])
  }

  @Test("A tablespace is made in another folder only by the statement that pg_dumpall writes")
  func tablespaces() {
    func moved(_ text: String) -> String? {
      GlobalStatements.creation(ServerText(text), in: "/it's here").map { $0.shown }
    }
    #expect(
      moved("CREATE TABLESPACE \"a LOCATION\" OWNER \"b'\" LOCATION '/x';")
        == "CREATE TABLESPACE \"a LOCATION\" OWNER \"b'\" LOCATION '/it''s here';")
    for text in ["CREATE TABLESPACE a LOCATION '/x';", "CREATE TABLESPACE a OWNER b;", "DROP TABLESPACE a;"] {
      #expect(moved(text) == nil, "\(text)")
    }
  }
}
