import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// Every program is run through a script that notes what it is told and then runs it.
@Suite("What PostgreSQL's options do", .serialized)
struct PostgreSQLOptionsTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  private var log: String { ground.programs.path + "/log" }

  /// The lines of an entry whose commands all are the script, each with an argument of its own.
  private func entry(_ database: String, _ more: String...) throws -> ConfigurationSection {
    let script = try standIn(
      "echo \"$*\" >>\(log); shift; exec \"$@\"\n")
    let commands = ["pg_dump", "pg_restore", "psql"].map { "\($0)_command: '\(script) \"for \($0)\" \($0)'" }
    return try configured(one.entry(database) + (commands + more).map { "    \($0)\n" }.joined())
  }

  /// What the calls of a program were told that say a certain thing.
  private func calls(of program: String, saying sign: String) throws -> [String] {
    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
      .filter { $0.contains("for \(program) \(program)") && $0.contains(sign) }
  }

  @Test(
    "Tables are named in options without their schemas where the database's search path has them, as for pg_dump itself",
    arguments: [
      ("-t near", ["public.near"]), ("--table=far", ["aside.far"]), ("-T near", ["aside.far"]),
      ("--exclude-table=far", ["public.near"]), ("--exclude-table-data=near", ["aside.far"]),
      ("-xt aside.far", ["aside.far"]),
    ])
  func patterns(options: String, filled: [String]) throws {
    try one.recreate("patterns")
    try one.run(
      """
      CREATE TABLE near AS SELECT 1 AS i; CREATE SCHEMA aside; CREATE TABLE aside.far AS SELECT 1 AS i;
      ALTER DATABASE patterns SET search_path = aside, public
      """, in: "patterns")
    let dump = try take(configured(one.entry("patterns", "options: '\(options)'")), makeContext())
    let contents = try CustomContents(dump.bytes)
    #expect(contents.entries.filter { $0.kind == "TABLE DATA" }.map(\.relation.shown) == filled)
    try one.drop("patterns")
  }

  @Test(
    "What a command of the user's own leaves out of a dump by itself is said, and its restore takes nothing away",
    arguments: [("--schema-only", "the rows of public.a, public.b"), ("-T b", "the tables public.b"), ("", nil)])
  func hidden(option: String, told: String?) throws {
    try one.recreate("hidden")
    try one.run(
      "CREATE TABLE a AS SELECT 1 AS i; CREATE TABLE b AS SELECT 1 AS i; CREATE TABLE c (i int)", in: "hidden")
    let script = try standIn("exec pg_dump \"$@\" \(option)\n")
    let root = try configured(one.entry("hidden", "pg_dump_command: \(script)"))
    let context = try makeContext()
    let dump = try take(root, context)
    #expect(
      dump.warnings == (told.map { ["pg_dump_command has left out of the dump what is in the database: \($0)"] } ?? []))
    try one.run("UPDATE a SET i = 2; UPDATE b SET i = 2", in: "hidden")
    if option == "--schema-only" {
      #expect(throws: RestoreError.self) {
        _ = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      }
    } else {
      try dump.restore(
        hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context), context: context)
      let rows = try one.run("SELECT (SELECT i FROM a), (SELECT i FROM b)", in: "hidden")
      #expect(rows == (told == nil ? "1|1\n" : "1|2\n"))
    }
    try one.drop("hidden")
  }

  @Test("A table that nobody has counted lacks its rows, too, where a dump has no block of it; an empty one does not")
  func uncounted() throws {
    let names = ["empty", "full", "unknown"].map {
      RelationName(schema: ServerText("public"), name: ServerText($0))
    }
    let seen: [RelationName: UInt64?] = [names[0]: 0, names[1]: 2, names[2]: nil]
    let bare = try #require(PostgreSQLDumpLack(of: seen, (Set(names), [])))
    #expect(bare.rows == Array(names[1...]) && bare.tables.isEmpty)
    #expect(bare.details == ["without_rows": "pg_dump_command"])
    let part = try #require(PostgreSQLDumpLack(of: seen, (Set(names), [names[1]])))
    #expect(part.rows == [names[2]] && part.details.isEmpty)
    #expect(PostgreSQLDumpLack(of: seen, (Set(names), Set(names[1...]))) == nil)
  }

  @Test("They reach the program that they are for, in dumps and in restores", arguments: ["custom", "plain"])
  func options(format: String) throws {
    try one.recreate("optional")
    try one.run("CREATE TABLE t(a int)", in: "optional")
    let context = try makeContext()
    let root = try entry(
      "optional", "format: \(format)", "no_owner: true", "compression: 3", "options: --verbose --lock-wait-timeout=9s",
      "restore_options: \(format == "plain" ? "--set 'note=a b'" : "--verbose")", "analyze_options: --echo-queries")
    let dump = try take(root, context)
    let dumps = try calls(of: "pg_dump", saying: "--dbname=dbname='optional'")
    #expect(dumps.count == 1 && dumps[0].contains("--no-owner --format \(format)"))
    #expect(dumps[0].contains("--verbose --lock-wait-timeout=9s"))
    #expect(dumps[0].contains("--compress 3") == (format == "custom"))

    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    if format == "plain" {
      #expect(try calls(of: "psql", saying: "--set note=a b").count == 1)
    } else {
      let restores = try calls(of: "pg_restore", saying: "--format custom")
      #expect(restores.count == 1 && restores[0].contains("--no-owner") && restores[0].contains("custom --verbose"))
    }
    let analyzes = try calls(of: "psql", saying: "ANALYZE")
    #expect(
      analyzes.count == 1 && analyzes[0].contains("dbname='coffer_new_")
        && analyzes[0].hasSuffix("--echo-queries --command ANALYZE"), "\(analyzes)")
    try one.drop("optional")
  }

  @Test("What they say of encryption reaches every program, and what they say of a list reaches psql")
  func encryption() throws {
    let context = try makeContext()
    let root = try entry("all", "format: custom", "globals: false", "list_options: --echo-queries")
    #expect(try !hook.dumps(of: root, context: context).isEmpty)
    #expect(try calls(of: "psql", saying: "--echo-queries --command SELECT ('x'").count == 1)

    let secured = try entry(
      "users", "ssl_mode: prefer", "ssl_cert: /c", "ssl_key: /k", "ssl_root_cert: /r", "ssl_crl: /l")
    let section = try #require(secured[PostgreSQLOptions.databases].first)
    let connection = PostgreSQLConnection(section, to: ServerAddress(password: "secret"))
    for program in [PostgreSQLConnection.Tool.dump, .dumpAll, .restore, .psql] {
      let command = connection.command(program, [], context: context)
      let names = ["PGSSLMODE", "PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL", "PGPASSWORD"]
      #expect(names.map { command.environment[$0] } == ["prefer", "/c", "/k", "/r", "/l", "secret"])
      #expect(!command.arguments.contains { $0.contains("secret") })
    }
  }
}
