import CofferSystem
import Testing

@testable import CofferHooks

@Suite("Names in statements of a dump whose tables are made elsewhere")
struct MovedNamesTests {
  private static func name(_ schema: String, _ name: String) -> RelationName {
    RelationName(schema: ServerText(schema), name: ServerText(name))
  }

  private let names = MovedNames([
    name("public", "orders"): ServerText("new"), name("public", "orders_id_seq"): ServerText("new"),
    name("public", "orders_idx"): ServerText("new"), name("The \"Shop\"", "a.b"): ServerText("ne\"w"),
  ])

  @Test(
    "Relations are named where they are made, and all else is what it was",
    arguments: [
      (
        "CREATE TABLE public.orders (\n    id integer DEFAULT nextval('public.orders_id_seq'::regclass),\n    m public.mood\n);\n",
        "CREATE TABLE \"new\".orders (\n    id integer DEFAULT nextval('\"new\".\"orders_id_seq\"'::regclass),\n    m public.mood\n);\n"
      ),
      ("COPY public.orders (id, m) FROM stdin;\n", "COPY \"new\".orders (id, m) FROM stdin;\n"),
      (
        "SELECT pg_catalog.setval('public.orders_id_seq', 12, true);",
        "SELECT pg_catalog.setval('\"new\".\"orders_id_seq\"', 12, true);"
      ),
      (
        "ALTER SEQUENCE public.orders_id_seq OWNED BY public.orders.id;",
        "ALTER SEQUENCE \"new\".orders_id_seq OWNED BY \"new\".orders.id;"
      ),
      (
        "CREATE INDEX orders_idx ON public.orders USING btree (lower(note), public.orders(id));",
        "CREATE INDEX orders_idx ON \"new\".orders USING btree (lower(note), public.orders(id));"
      ),
      (
        "ALTER TABLE ONLY public.orders ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES public.orders(id);",
        "ALTER TABLE ONLY \"new\".orders ADD CONSTRAINT x FOREIGN KEY (a) REFERENCES \"new\".orders(id);"
      ),
      (
        "COMMENT ON COLUMN \"The \"\"Shop\"\"\".\"a.b\".public IS 'public.orders, and ''public.orders''';",
        "COMMENT ON COLUMN \"ne\"\"w\".\"a.b\".public IS 'public.orders, and ''public.orders''';"
      ),
      (
        "CHECK ((note <> 'public.orders'::text)) -- public.orders",
        "CHECK ((note <> 'public.orders'::text)) -- public.orders"
      ),
      (
        "CREATE RULE r AS ON INSERT TO public.orders DO SELECT $q$public.orders$q$, E'\\'public.orders' /* public.orders */;",
        "CREATE RULE r AS ON INSERT TO \"new\".orders DO SELECT $q$public.orders$q$, E'\\'public.orders' /* public.orders */;"
      ),
      (
        "SELECT other.public.orders, public.orders_id, xpublic.orders",
        "SELECT other.public.orders, public.orders_id, xpublic.orders"
      ),
    ])
  func moved(sql: String, expected: String) throws {
    let moved = try #require(names.moving(Array(sql.utf8)))
    #expect(String(decoding: moved.sql, as: UTF8.self) == expected)
    #expect((moved.count > 0) == (sql != expected))
  }

  @Test(
    "What ends within a text, a name or a comment is not taken for a statement, nor what servers read in several ways")
  func unreadable() {
    let unclear = ["SELECT 1E'\\''; COMMIT; --'", "SELECT E'a'\n'\\''; COMMIT; --'", "SELECT E'a' -- b\n'\\'';"]
    for sql in ["SELECT 'a", "SELECT \"a", "/* a /* b */", "SELECT $a$ b $c$", "SELECT E'a\\'"] + unclear {
      #expect(names.moving(Array(sql.utf8)) == nil, "\(sql)")
    }
  }

  @Test(
    "Statements are told apart where the server tells them apart",
    arguments: [
      ("CREATE TABLE public.a (x int); COMMIT; DROP TABLE b", ["CREATE", "COMMIT", "DROP"]), ("commit", ["commit"]),
      ("/* x */ End;", ["End"]), ("CREATE TABLE a (b int DEFAULT '; COMMIT;'); -- ; COMMIT\n", ["CREATE"]),
      ("CREATE RULE r AS ON DELETE TO a DO (SELECT 1; SELECT 2)", ["CREATE"]), ("SELECT 1;ABORT", ["SELECT", "ABORT"]),
      ("SELECT '''; COMMIT'", ["SELECT"]), ("CREATE TABLE a (x int));COMMIT", nil), ("-- a\rCOMMIT", ["COMMIT"]),
      ("SELECT ARRAY[1;2]; COMMIT", ["SELECT", "COMMIT"]), ("SELECT $1$; COMMIT; $1$", ["SELECT", "COMMIT", "$"]),
    ] as [(String, [String]?)])
  func statements(sql: String, beginnings: [String]?) throws {
    let tokens = try #require(SQLTokens(Array(sql.utf8)))
    let found = tokens.statements?.map { place in
      String(decoding: Array(sql.utf8)[tokens.all[place.lowerBound].range], as: UTF8.self)
    }
    #expect(found == beginnings)
  }

  @Test("A new name is read as SQL reads names")
  func newNames() throws {
    let identity = DumpIdentity(hook: "postgresql_databases", database: "shop")
    let table = Self.name("public", "orders")
    let names: [(String, RelationName)] = [
      ("orders_2", Self.name("public", "orders_2")), ("Archive.Orders", Self.name("archive", "orders")),
      ("\"Orders (old)\"", Self.name("public", "Orders (old)")), ("\"a.b\"", Self.name("public", "a.b")),
      ("archive.\"x\"\"y.z\"", Self.name("archive", "x\"y.z")), ("\"The Shop\".B", Self.name("The Shop", "b")),
    ]
    for (text, name) in names {
      #expect(try TableNaming.renamed(table, to: text, identity) == name, "\(text)")
    }
    for text in ["", ".", "a.", ".a", "a.b.c", "\"a", "a\"b\"", "\"\"", "a b", "orders'", "\"a\"b", "a.\"b\"c"] {
      #expect(throws: RestoreError.self, "\(text)") { try TableNaming.renamed(table, to: text, identity) }
    }
  }

  @Test("Tables are found by name, in quotes, without their schema, and by patterns; what is not clear is refused")
  func naming() throws {
    let identity = DumpIdentity(hook: "postgresql_databases", database: "shop")
    let tables = [
      Self.name("public", "orders"), Self.name("public", "order_items"), Self.name("archive", "orders"),
      Self.name("public", "Odd \"one\""), Self.name("public", "o*"),
    ]
    func find(_ names: String...) throws -> [RelationName] { try TableNaming.tables(names, of: tables, identity) }
    #expect(try find("public.orders") == [tables[0]])
    #expect(try find("archive.orders", "order_items") == [tables[1], tables[2]])
    #expect(try find("public.\"Odd \"\"one\"\"\"") == [tables[3]])
    #expect(try find("Odd \"one\"") == [tables[3]])
    #expect(try find("public.o*") == [tables[4]])
    #expect(try find("public.ord*") == [tables[0], tables[1]])
    #expect(try find("*.orders", "public.orders") == [tables[0], tables[2]])
    for name in ["orders", "order", "PUBLIC.orders", "public.x*", ""] {
      #expect(throws: RestoreError.self, "\(name)") { try find(name) }
    }
  }
}
