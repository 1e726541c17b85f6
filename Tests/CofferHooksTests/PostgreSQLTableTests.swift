import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Single tables of PostgreSQL dumps", .serialized)
struct PostgreSQLTableTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  private static let name = "table shop"
  private static let schema = """
    CREATE ROLE table_owner; CREATE ROLE table_reader;
    CREATE TYPE mood AS ENUM ('calm', 'in a hurry');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.note || ''!''; RETURN NEW; END';
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 50) i;
    CREATE TABLE orders (
      id serial PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY, customer int REFERENCES customers, m mood,
      note text DEFAULT 'public.orders' CHECK (note <> ''), twice int GENERATED ALWAYS AS (customer * 2) STORED,
      UNIQUE (number));
    INSERT INTO orders (customer, m, note) SELECT i % 50 + 1, 'calm', E'a\\tb\\\\ ' || i FROM generate_series(1, 500) i;
    CREATE INDEX by_customer ON orders (customer, lower(note)); ALTER TABLE orders CLUSTER ON by_customer;
    CREATE STATISTICS together ON customer, m FROM orders;
    CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE RULE nothing AS ON DELETE TO orders WHERE old.id = 1 DO INSTEAD NOTHING;
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON orders TO table_reader USING (id < 10);
    COMMENT ON TABLE orders IS 'public.orders'; COMMENT ON COLUMN orders.note IS 'n'; COMMENT ON INDEX by_customer IS 'i';
    GRANT SELECT ON orders TO table_reader; GRANT UPDATE (note) ON orders TO table_reader; ALTER TABLE orders OWNER TO table_owner;
    CREATE TABLE items (id int, "order" int REFERENCES orders ON DELETE CASCADE, PRIMARY KEY (id));
    INSERT INTO items SELECT i, i FROM generate_series(1, 100) i;
    CREATE SCHEMA other; CREATE TABLE other."Odd ""one"" x" (a text); INSERT INTO other."Odd ""one"" x" VALUES ('x');
    CREATE TABLE log (at int, what text) PARTITION BY RANGE (at);
    CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
    CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (100) TO (200);
    CREATE INDEX log_at ON log (at); INSERT INTO log SELECT i, 'w' FROM generate_series(0, 199) i;
    """

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// A dump in memory, whose reads are remembered.
  private final class Kept: StoredDump {
    let bytes: [UInt8]
    var size: UInt64 { UInt64(bytes.count) }
    private(set) var read: UInt64 = 0

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    func read(_ range: Range<UInt64>) -> [UInt8] {
      read += range.upperBound - range.lowerBound
      return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
  }

  private func makeShop() throws {
    try one.drop(Self.name)
    try one.run("DROP ROLE IF EXISTS table_owner; DROP ROLE IF EXISTS table_reader")
    try one.recreate(Self.name)
    try one.run(Self.schema, in: Self.name)
  }

  private func cleanUp() throws {
    try one.drop(Self.name)
    try one.run("DROP ROLE IF EXISTS table_owner; DROP ROLE IF EXISTS table_reader")
  }

  private func plan(
    _ dump: TakenDump, _ root: ConfigurationSection, _ names: [String], as newName: String? = nil,
    replacing: Bool = false, from kept: Kept? = nil, to target: RestoreTarget = RestoreTarget()
  ) throws -> any PlannedRestore {
    try hook.restore(
      TableSelection(names: names, newName: newName, replaces: replacing), of: dump.facts,
      from: kept ?? Kept(dump.bytes), to: target, root: root, context: context)
  }

  /// Gives the restore the parts that it wants, and nothing else.
  @discardableResult
  private func restore(_ dump: TakenDump, _ plan: any PlannedRestore) throws -> [String] {
    try TakenDump(dump, parts: try #require(plan.parts)).restore(plan, context: context)
  }

  /// What `\d` and pg_dump tell of a table, with its rows.
  private func content(_ table: String) throws -> String {
    try one.content(of: Self.name).split(separator: "\n").filter { $0.contains(table) }.joined(separator: "\n")
  }

  @Test(
    "No table whose rows options left out of the dump takes the place of one that is there",
    arguments: ["--schema-only", "--exclude-table-data=customers", "--section=pre-data"])
  func withoutRows(options: String) throws {
    try makeShop()
    let root = try configured(one.entry(Self.name, "options: \(options)"))
    let dump = try take(root, context)
    let before = try one.content(of: Self.name)
    #expect(
      problem { _ = try plan(dump, root, ["customers"], replacing: true) }.contains(
        "the rows of 'public.customers' were left out"))
    #expect(try one.content(of: Self.name) == before)
    try restore(dump, plan(dump, root, ["customers"], as: "bare"))
    #expect(try one.run("SELECT count(*) FROM bare", in: Self.name) == "0\n")
  }

  @Test("A program that fails behind its commit does not have a table told missing that has come")
  func committed() throws {
    try makeShop()
    let dump = try take(try configured(one.entry(Self.name)), context)
    let program = try standIn(
      "case \"$*\" in *--version*) exec pg_restore \"$@\";; esac; pg_restore \"$@\"; exit 1")
    let root = try configured(one.entry(Self.name, "pg_restore_command: \(program)"))
    let plan = try plan(dump, root, ["customers"], as: "come")
    let error = #expect(throws: RestoreError.self) { try restore(dump, plan) }
    #expect(error?.diagnosis.problem.contains("the new content is there all the same") == true, "\(error as Any)")
    #expect(try one.run("SELECT count(*) FROM come", in: Self.name) == "50\n")
    try cleanUp()
  }

  @Test("A table comes back beside the one that is there, with all that belongs to it, and nothing else changes")
  func beside() throws {
    try makeShop()
    let root = try configured(one.entry(Self.name))
    let dump = try take(root, context)
    try one.run("UPDATE orders SET note = 'spoilt' WHERE id > 100; DROP RULE nothing ON orders", in: Self.name)
    let before = try one.content(of: Self.name)
    let kept = Kept(dump.bytes)
    let plan = try plan(dump, root, ["public.orders"], as: "orders_yesterday", from: kept)
    #expect(plan.summary.contains("public.orders as public.orders_yesterday"))
    #expect(plan.summary.contains("1 index, 2 constraints, 1 foreign key, 1 trigger, 2 sequences, 1 rule, 1 policy"))
    #expect(try restore(dump, plan) == [])

    // Read were the contents, and of the rows those of the table.
    let places = try #require(BlockPlaces(dump.facts, dumpSize: UInt64(dump.bytes.count)))
    #expect(kept.read == places.contentsSize)
    #expect(try #require(plan.parts).count == 1)

    try expectSame(
      one.run("SELECT id, number, customer, m, note, twice FROM orders_yesterday ORDER BY id", in: Self.name),
      one.run(
        "SELECT i, i, i % 50 + 1, 'calm', E'a\\tb\\\\ ' || i, (i % 50 + 1) * 2 FROM generate_series(1, 500) i ORDER BY i",
        in: Self.name))
    let facts = """
      SELECT string_agg(i.relname, ',' ORDER BY i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE indrelid = 'orders_yesterday'::regclass;
      SELECT string_agg(conname || ' ' || contype::text, ',' ORDER BY conname) FROM pg_constraint
      WHERE conrelid = 'orders_yesterday'::regclass;
      SELECT string_agg(tgname, ',') FROM pg_trigger WHERE tgrelid = 'orders_yesterday'::regclass AND NOT tgisinternal;
      SELECT pg_get_serial_sequence('orders_yesterday', 'id'), pg_get_serial_sequence('orders_yesterday', 'number');
      SELECT relowner::regrole, relrowsecurity, relacl::text LIKE '%table_reader=r/%', obj_description(oid) FROM pg_class
      WHERE oid = 'orders_yesterday'::regclass;
      SELECT stxname, stxnamespace::regnamespace FROM pg_statistic_ext WHERE stxrelid = 'orders_yesterday'::regclass;
      SELECT count(*) FROM pg_policy WHERE polrelid = 'orders_yesterday'::regclass;
      SELECT count(*) FROM pg_rewrite WHERE ev_class = 'orders_yesterday'::regclass;
      SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'coffer%';
      SELECT nextval(pg_get_serial_sequence('orders_yesterday', 'id')), nextval(pg_get_serial_sequence('orders', 'id'))
      """
    #expect(
      try one.run(facts, in: Self.name) == """
        by_customer_1,orders_yesterday_number_key,orders_yesterday_pkey
        orders_customer_fkey f,orders_note_check c,orders_yesterday_number_key u,orders_yesterday_pkey p
        touched
        public.orders_yesterday_id_seq|public.orders_yesterday_number_seq
        table_owner|t|t|public.orders
        together_1|public
        1
        1
        0
        501|501

        """)
    try one.run("DROP TABLE orders_yesterday; SELECT setval('orders_id_seq', 500)", in: Self.name)
    try expectSame(one.content(of: Self.name), before)
    try cleanUp()
  }

  @Test("A table that is there is replaced only when that is asked for, with others' foreign keys to it kept")
  func replaced() throws {
    try makeShop()
    let root = try configured(one.entry(Self.name))
    let dump = try take(root, context)
    let content = try one.content(of: Self.name)
    try one.run("UPDATE orders SET note = 'spoilt'; ALTER TABLE orders DROP COLUMN m", in: Self.name)
    let before = try one.content(of: Self.name)
    #expect(
      problem { _ = try plan(dump, root, ["orders"]) }.contains("it is there already in 'table shop': public.orders"))
    // Rows of others that would refer to nothing.
    try one.run("INSERT INTO orders (customer) VALUES (1); INSERT INTO items VALUES (900, 501)", in: Self.name)
    let spoilt = try one.content(of: Self.name)
    let failure = problem { try restore(dump, plan(dump, root, ["orders"], replacing: true)) }
    #expect(failure.contains("the database is as it was") && failure.contains("items_order_fkey"), "\(failure)")
    try expectSame(one.content(of: Self.name), spoilt)

    try one.run("DELETE FROM items WHERE id = 900; DELETE FROM orders WHERE id = 501", in: Self.name)
    #expect(try restore(dump, plan(dump, root, ["orders"], replacing: true)) == [])
    try expectSame(one.content(of: Self.name), content)
    #expect(before != content)

    try one.run("CREATE VIEW seen AS SELECT id FROM orders", in: Self.name)
    #expect(
      problem { _ = try plan(dump, root, ["orders"], replacing: true) }.contains(
        "views, which would go with it: public.seen"))
    #expect(problem { _ = try plan(dump, root, ["log_1"], replacing: true) }.contains("part of another table"))
    try one.run("CREATE TABLE log_3 PARTITION OF log FOR VALUES FROM (200) TO (300)", in: Self.name)
    #expect(
      problem { _ = try plan(dump, root, ["log"], replacing: true) }.contains("would not come back: public.log_3"))
    #expect(problem { _ = try plan(dump, root, ["orders"], as: "seen", replacing: true) }.contains("is no table"))
    try cleanUp()
  }

  @Test("Tables that are missing come back whole, with their partitions, and several at once")
  func missing() throws {
    try makeShop()
    let root = try configured(one.entry(Self.name))
    let dump = try take(root, context)
    let content = try one.content(of: Self.name)
    try one.run(
      "DROP TABLE log; DROP TABLE other.\"Odd \"\"one\"\" x\"; DROP TABLE items; DROP TABLE customers CASCADE",
      in: Self.name)
    #expect(
      try restore(dump, plan(dump, root, ["log", "other.*", "items", "customers"])) == [])
    // The foreign key was that of another table.
    try one.run(
      "ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES customers",
      in: Self.name)
    try expectSame(one.content(of: Self.name), content)
    try one.run("CREATE SCHEMA apart", in: Self.name)
    #expect(try restore(dump, plan(dump, root, ["log"], as: "apart.diary")) == [])
    #expect(
      try one.run(
        "SELECT count(*), min(tableoid::regclass::text), max(tableoid::regclass::text) FROM apart.diary", in: Self.name)
        == "200|apart.log_1|apart.log_2\n")
    try expectSame(one.run("SELECT count(*) FROM log", in: Self.name), "200\n")
    try cleanUp()
  }

  @Test("A dump that its archive has no places of is walked through, and one that is cut or changed changes nothing")
  func withoutPlaces() throws {
    try makeShop()
    let root = try configured(one.entry(Self.name))
    let dump = try take(root, context)
    var facts = dump.facts
    facts.details[BlockPlaces.key] = nil
    let old = TakenDump(facts: facts, bytes: dump.bytes)
    let before = try one.content(of: Self.name)
    let whole = try plan(old, root, ["orders"], as: "again")
    #expect(try #require(whole.parts).map(\.upperBound) == [UInt64(dump.bytes.count)])
    #expect(try restore(old, whole) == [])
    #expect(try one.run("SELECT count(*), min(note) FROM again", in: Self.name) == "500|a\tb\\ 1\n")
    try one.run("DROP TABLE again", in: Self.name)

    let part = try #require(plan(dump, root, ["orders"], as: "again").parts?.first)
    let block = Array(dump.bytes[Int(part.lowerBound)..<Int(part.upperBound)])
    let other: [UInt8] = [1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]
    let first: [UInt8] = [9]
    let pieces: [[UInt8]] = [
      [], Array(block.dropLast(5)), Array(block[..<100]), first + Array(block.dropFirst()), other,
    ]
    for bytes in pieces {
      let changed = TakenDump(facts: dump.facts, bytes: bytes)
      #expect(throws: (any Error).self) {
        try changed.restore(plan(dump, root, ["orders"], as: "again"), context: context)
      }
    }
    try expectSame(one.content(of: Self.name), before)
    // What the table needs is told when it is missing.
    try one.run("DROP TABLE orders CASCADE; DROP TYPE mood", in: Self.name)
    let failure = problem { try restore(dump, plan(dump, root, ["orders"])) }
    #expect(failure.contains("type \"public.mood\" does not exist"), "\(failure)")
    #expect(try one.run("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'coffer%'", in: Self.name) == "0\n")
    try cleanUp()
  }

  @Test("What cannot be had of a dump is said before anything is begun")
  func refused() throws {
    try makeShop()
    let root = try configured(one.entry(Self.name))
    let dump = try take(root, context)
    #expect(problem { _ = try plan(dump, root, ["nothing"]) }.contains("no table 'nothing'"))
    #expect(problem { _ = try plan(dump, root, ["orders", "items"], as: "x") }.contains("2 tables"))
    #expect(problem { _ = try plan(dump, root, ["orders"], as: "nowhere.x") }.contains("no schema 'nowhere'"))
    #expect(
      problem { _ = try plan(dump, root, ["orders"], to: RestoreTarget(schemas: ["other"])) }.contains(
        "--schema and --table"))
    var target = RestoreTarget()
    target.databaseName = "no such database"
    #expect(problem { _ = try plan(dump, root, ["orders"], to: target) }.contains("there is no database"))
    for more in ["format: plain", "format: directory", "options: --inserts"] {
      let root = try configured(one.entry(Self.name, more))
      let other = try take(root, makeContext())
      #expect(problem { _ = try plan(other, root, ["orders"], as: "x") } != "", "\(more)")
    }
    let parts = try configured(one.entry(Self.name, "restore_options: --section=data"))
    #expect(problem { _ = try plan(dump, parts, ["orders"], as: "x") }.contains("restore_options chooses a part"))
    try cleanUp()
  }
}
