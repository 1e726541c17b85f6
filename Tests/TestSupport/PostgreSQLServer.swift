import CofferSystem
import Foundation

/// A PostgreSQL server that contrib/test has started.
public struct PostgreSQLServer: Sendable {
  public let hostname: String
  public let port: Int
  public let username: String
  public let password: String

  /// - Parameter number: 1 or 2.
  public init(_ number: Int) throws {
    let server = try ServerVariable("COFFER_TEST_POSTGRESQL_\(number)")
    hostname = server.hostname
    port = server.port
    username = server.username
    password = server.password
  }

  /// The lines of a configuration entry for a database of this server.
  public func entry(_ database: String, _ more: String...) -> String {
    let lines = [
      "  - name: \"\(database)\"", "    hostname: \(hostname)", "    port: \(port)", "    username: \(username)",
      "    password: \(password)",
    ]
    return (lines + more.map { "    \($0)" }).joined(separator: "\n") + "\n"
  }

  /// Runs SQL; the rows with fields parted by `|`.
  @discardableResult
  public func run(_ sql: String, in database: String = "postgres") throws -> String {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    environment.variables["PGPASSWORD"] = password
    let arguments = [
      "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", hostname, "-p", String(port), "-U", username, "-d",
      Self.connectionString(database), "-f", "-",
    ]
    let result = try SystemProcessLauncher().run(
      ChildCommand("psql", arguments, environment: environment), input: Array(sql.utf8), seconds: 120)
    guard result.status.isSuccess else {
      throw SQLFailed(description: result.errorLines.joined(separator: "\n"))
    }
    return result.text
  }

  public struct SQLFailed: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) {
      self.description = description
    }
  }

  public func recreate(_ database: String) throws {
    try drop(database)
    try run("CREATE DATABASE \(Self.quotedIdentifier(database))")
  }

  public func drop(_ database: String) throws {
    try run("DROP DATABASE IF EXISTS \(Self.quotedIdentifier(database)) WITH (FORCE)")
  }

  /// The whole logical content of a database as text that is the same for the same content: pg_dump's schema, every
  /// row of every table in order, and every large object.
  public func content(of database: String) throws -> String {
    var environment = ProcessEnvironment(["PATH": "/usr/bin:/bin"])
    environment.variables["PGPASSWORD"] = password
    let arguments = [
      "-h", hostname, "-p", String(port), "-U", username, "--schema-only",
      "--dbname=" + Self.connectionString(database),
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
  public static let richSchema = #"""
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

  public static func quotedIdentifier(_ name: String) -> String {
    "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  public static func quotedLiteral(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "''") + "'"
  }

  static func connectionString(_ database: String) -> String {
    "dbname='" + database.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'") + "'"
  }
}
