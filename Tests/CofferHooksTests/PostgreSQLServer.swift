import CofferConfiguration
import CofferSystem
import Foundation

@testable import CofferHooks

/// A PostgreSQL server that contrib/test has started.
struct PostgreSQLServer {
  let hostname: String
  let port: Int
  let username: String
  let password: String

  struct NotStarted: Error, CustomStringConvertible {
    let description = "The tests need database servers; run them with contrib/test"
  }

  /// - Parameter number: 1 or 2.
  init(_ number: Int) throws {
    let text = ProcessInfo.processInfo.environment["COFFER_TEST_POSTGRESQL_\(number)"] ?? ""
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count == 4, let port = Int(parts[1]) else { throw NotStarted() }
    hostname = parts[0]
    self.port = port
    username = parts[2]
    password = parts[3]
  }

  /// The lines of a configuration entry for a database of this server.
  func entry(_ database: String, _ more: String...) -> String {
    let lines = [
      "  - name: \"\(database)\"", "    hostname: \(hostname)", "    port: \(port)", "    username: \(username)",
      "    password: \(password)",
    ]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  var target: RestoreTarget {
    RestoreTarget(hostname: hostname, port: port, username: username, password: password)
  }

  /// Runs SQL; the rows with fields parted by `|`.
  @discardableResult
  func run(_ sql: String, in database: String = "postgres") throws -> String {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    environment.variables["PGPASSWORD"] = password
    let arguments = [
      "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", hostname, "-p", String(port), "-U", username, "-d",
      PostgreSQLConnection.connectionString(database), "-f", "-",
    ]
    let result = try SystemProcessLauncher().run(
      ChildCommand("psql", arguments, environment: environment), input: Array(sql.utf8), seconds: 120)
    guard result.status.isSuccess else {
      throw SQLFailed(description: result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }

  struct SQLFailed: Error, CustomStringConvertible {
    let description: String
  }

  func recreate(_ database: String) throws {
    try drop(database)
    try run("CREATE DATABASE \(PostgreSQLConnection.quotedIdentifier(database))")
  }

  func drop(_ database: String) throws {
    try run("DROP DATABASE IF EXISTS \(PostgreSQLConnection.quotedIdentifier(database)) WITH (FORCE)")
  }

  /// The whole logical content of a database as text that is the same for the same content: pg_dump's schema, every
  /// row of every table in order, and every large object.
  func content(of database: String) throws -> String {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    environment.variables["PGPASSWORD"] = password
    let arguments = [
      "-h", hostname, "-p", String(port), "-U", username, "--schema-only",
      "--dbname=" + PostgreSQLConnection.connectionString(database),
    ]
    let schema = try SystemProcessLauncher().run(
      ChildCommand("pg_dump", arguments, environment: environment), seconds: 120)
    guard schema.status.isSuccess else { throw SQLFailed(description: schema.errorLines.joined(separator: "\n")) }
    var parts = schema.text.split(separator: "\n").filter { !$0.hasPrefix("\\") && !$0.hasPrefix("-- Dumped") }
      .map(String.init)
    let tables = try run(
      """
      SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1
      """, in: database)
    for table in tables.split(separator: "\n") {
      parts.append("== \(table)")
      parts.append(try run("SELECT ROW(t.*)::text FROM \(table) t ORDER BY 1", in: database))
    }
    parts.append("== sequences")
    parts.append(
      try run("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2", in: database))
    parts.append("== large objects")
    parts.append(
      try run("SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid", in: database))
    return parts.joined(separator: "\n")
  }

  /// A database with some of everything.
  static let richSchema = #"""
    CREATE SCHEMA sales; CREATE SCHEMA "Odd Schema ""x""";
    CREATE TYPE sales.state AS ENUM ('new', 'paid', 'it''s shipped');
    CREATE DOMAIN sales.positive AS int CHECK (VALUE > 0);
    CREATE TYPE sales.pair AS (a int, b text);
    CREATE TABLE sales.customer (id bigserial PRIMARY KEY, name text NOT NULL, tags text[], data jsonb, raw bytea,
      joined timestamptz DEFAULT '2020-01-01 00:00:00+00', p sales.pair);
    INSERT INTO sales.customer (name, tags, data, raw, p)
      SELECT 'name ' || i || E' \\ \t \n "q" ü', ARRAY['a', NULL, 'b"c,'], jsonb_build_object('i', i, 'n', NULL),
        decode(md5(i::text), 'hex'), ROW(i, 'x')::sales.pair FROM generate_series(1, 2000) i;
    CREATE TABLE sales.orders (id int GENERATED ALWAYS AS IDENTITY, customer bigint REFERENCES sales.customer,
      state sales.state, amount numeric(12, 4), quantity sales.positive, at date NOT NULL,
      twice numeric GENERATED ALWAYS AS (amount * 2) STORED) PARTITION BY RANGE (at);
    CREATE TABLE sales.orders_2024 PARTITION OF sales.orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE sales.orders_rest PARTITION OF sales.orders DEFAULT;
    INSERT INTO sales.orders (customer, state, amount, quantity, at)
      SELECT i, 'paid', i * 1.5, i, date '2023-12-01' + i FROM generate_series(1, 500) i;
    CREATE TABLE "Odd Schema ""x""". "Table with 'quotes' and spaces" ("the column" text, "semi;colon" float8);
    INSERT INTO "Odd Schema ""x""". "Table with 'quotes' and spaces" VALUES ('\.', 'NaN'), (NULL, '-Infinity'), ('', 1e-300);
    CREATE VIEW sales.totals AS SELECT customer, sum(amount) AS total FROM sales.orders GROUP BY customer;
    CREATE MATERIALIZED VIEW sales.counts AS SELECT state, count(*) AS n FROM sales.orders GROUP BY state;
    CREATE FUNCTION sales.touch() RETURNS trigger LANGUAGE plpgsql AS $body$
      BEGIN
        -- \connect elsewhere
        NEW.name := NEW.name || '';
        RETURN NEW;
      END $body$;
    CREATE TRIGGER touch BEFORE UPDATE ON sales.customer FOR EACH ROW EXECUTE FUNCTION sales.touch();
    CREATE SEQUENCE counter START 100 INCREMENT 7; SELECT nextval('counter');
    CREATE INDEX ON sales.customer USING gin (data);
    CREATE RULE nothing AS ON DELETE TO sales.customer WHERE OLD.id < 0 DO INSTEAD NOTHING;
    COMMENT ON TABLE sales.customer IS 'it''s a comment';
    GRANT SELECT ON sales.customer TO PUBLIC;
    SELECT lo_from_bytea(7001, 'large object'::bytea); SELECT lo_from_bytea(7002, decode(repeat('00ff', 5000), 'hex'));
    """#
}

/// A hook context with a private runtime directory.
func makeContext(
  limits: DumpLimits = DumpLimits(stall: 60), path: String = "/usr/bin:/bin", cancellation: Cancellation? = nil
) throws -> HookContext {
  signal(SIGPIPE, SIG_IGN)
  return HookContext(
    launcher: SystemProcessLauncher(), environment: ProcessEnvironment(["PATH": path, "HOME": "/nonexistent"]),
    clock: .system, cancellation: try cancellation ?? Cancellation(),
    runtime: try RuntimeDirectory(base: NSTemporaryDirectory()), limits: limits)
}

/// Reads a configuration of databases only.
func makeRoot(_ databases: String) throws -> ConfigurationSection {
  let text = "repositories:\n  - path: /r\n" + databases
  let reader = FileReader(read: { _ in Array(text.utf8) }, entries: { _ in nil })
  return try ConfigurationLoader(files: reader, environment: ProcessEnvironment([:]), currentFolder: "/")
    .load("/c.yaml").root
}

/// A dump in memory, or in a folder that was kept.
struct TakenDump {
  let facts: DumpFacts
  let bytes: [UInt8]
  let folder: String?

  init(_ dump: any PlannedDump, context: HookContext) throws {
    let running = try dump.start(context: context)
    switch running.output {
    case .folder(let path):
      facts = try running.finish().facts
      bytes = []
      folder = path
    case .stream(let source):
      var all: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      do {
        while case let count = try piece.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
          all.append(contentsOf: piece[..<count])
        }
        facts = try running.finish().facts
      } catch {
        running.abandon()
        throw error
      }
      bytes = all
      folder = nil
    }
  }

  /// - Parameter length: Bytes to write before giving up; nil for all.
  @discardableResult
  func restore(_ plan: any PlannedRestore, context: HookContext, length: Int? = nil) throws -> [String] {
    let running = try plan.start(folder: folder, context: context)
    do {
      for start in stride(from: 0, to: length ?? bytes.count, by: 100_000) {
        try Array(bytes[start..<min(start + 100_000, length ?? bytes.count)]).withUnsafeBytes { try running.write($0) }
      }
    } catch {
      running.abandon()
      throw error
    }
    guard length == nil else {
      running.abandon()
      return []
    }
    return try running.finish()
  }
}
