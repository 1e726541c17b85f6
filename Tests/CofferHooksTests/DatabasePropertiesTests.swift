import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What belongs to a PostgreSQL database as a whole", .serialized)
struct DatabasePropertiesTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test("A database that is made anew has the encoding, the locale and the owner of the old one")
  func databaseProperties() throws {
    try one.run(
      """
      DROP DATABASE IF EXISTS polyglot; CREATE DATABASE polyglot TEMPLATE template0 LOCALE_PROVIDER icu
      ICU_LOCALE 'de-AT' ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8';
      """)
    let context = try makeContext()
    let root = try configured(one.entry("polyglot"))
    let dump = try take(root, context)
    try two.drop("polyglot")
    try dump.restore(
      hook.restore(of: dump.facts, to: two.target, root: root, context: context), context: context)
    let properties =
      "SELECT datlocprovider, daticulocale, datcollate, datctype, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'polyglot'"
    #expect(try two.run(properties) == "i|de-AT|C|C.UTF-8|UTF8\n")
    for server in [one, two] { try server.drop("polyglot") }
  }

  @Test("A database without the schema that every new one has comes back without it", arguments: ["custom", "plain"])
  func publicSchema(format: String) throws {
    for server in [one, two] { try server.recreate("bare") }
    defer { for server in [one, two] { _ = try? server.drop("bare") } }
    try one.run("DROP SCHEMA public; CREATE SCHEMA own; CREATE TABLE own.t AS SELECT 1 AS i", in: "bare")
    let context = try makeContext()
    let root = try configured(one.entry("bare", "format: \(format)"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    let question = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
    try expectSame(two.run(question, in: "bare"), one.run(question, in: "bare"))
    #expect(try two.run("SELECT i FROM own.t", in: "bare") == "1\n")
  }

  /// Everything about a database that is not in it.
  private func properties(_ server: PostgreSQLServer, _ database: String) throws -> String {
    try server.run(
      """
      SELECT pg_get_userbyid(datdba), datconnlimit, datistemplate, shobj_description(oid, 'pg_database'),
      array(SELECT coalesce(rolname, '*') || c FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole,
      unnest(setconfig) c WHERE setdatabase = d.oid ORDER BY 1),
      array(SELECT coalesce(r.rolname, '*') || privilege_type || is_grantable FROM aclexplode(datacl) a
      LEFT JOIN pg_roles r ON r.oid = grantee ORDER BY 1)
      FROM pg_database d WHERE datname = '\(database)'
      """)
  }

  @Test(
    "A database has its settings, privileges and comment again, made anew or swapped; in place it keeps its own",
    arguments: ["custom", "plain"])
  func settings(format: String) throws {
    for server in [one, two] {
      try server.drop("settled")
      try server.run(#"DROP ROLE IF EXISTS "the user"; CREATE ROLE "the user""#)
    }
    try one.recreate("settled")
    try one.run(
      #"""
      ALTER DATABASE settled OWNER TO "the user";
      ALTER DATABASE settled SET search_path = "$user", public, 'odd "one, two"';
      ALTER DATABASE settled SET work_mem = '7MB'; ALTER DATABASE settled SET "app.note" = E'it''s\n\\ b';
      ALTER DATABASE settled SET default_transaction_read_only = on;
      ALTER ROLE "the user" IN DATABASE settled SET work_mem = '9MB'; ALTER DATABASE settled CONNECTION LIMIT 17;
      COMMENT ON DATABASE settled IS E'it''s\n"ours"\\';
      REVOKE ALL ON DATABASE settled FROM PUBLIC; GRANT CONNECT ON DATABASE settled TO "the user" WITH GRANT OPTION;
      """#)
    let context = try makeContext()
    let root = try configured(one.entry("settled", "format: \(format)"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(properties(two, "settled"), properties(one, "settled"))

    try two.run("ALTER DATABASE settled RESET ALL; COMMENT ON DATABASE settled IS 'another'")
    let changed = try properties(two, "settled")
    var target = two.target
    target.strategy = .inPlace
    let inPlace = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    #expect(try dump.restore(inPlace, context: context) == [])
    try expectSame(properties(two, "settled"), changed)
    let again = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(try dump.restore(again, context: context) == [])
    try expectSame(properties(two, "settled"), properties(one, "settled"))

    try two.drop("settled")
    try two.run(#"DROP ROLE "the user""#)
    let freely = try configured(one.entry("settled", "no_owner: true", "restore_options: --no-acl"))
    if format == "custom" {
      let without = try hook.restore(of: dump.facts, to: two.target, root: freely, context: context)
      let warnings = try dump.restore(without, context: context)
      #expect(warnings.count == 1 && warnings[0].contains("role \"the user\" does not exist"), "\(warnings)")
      #expect(try properties(two, "settled").contains("work_mem=7MB"))
    }
    for server in [one, two] {
      try server.drop("settled")
      try server.run(#"DROP ROLE IF EXISTS "the user""#)
    }
  }
}
