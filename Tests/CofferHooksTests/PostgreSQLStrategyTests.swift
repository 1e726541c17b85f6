import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("How a PostgreSQL database is restored, and why", .serialized)
struct PostgreSQLStrategyTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// A database whose owner may not create databases.
  private func prepareOwner() throws {
    try one.run("DROP DATABASE IF EXISTS owned; DROP ROLE IF EXISTS owning; CREATE ROLE owning LOGIN PASSWORD 'o'")
    try one.run("CREATE DATABASE owned OWNER owning")
    try one.run("SET ROLE owning; CREATE TABLE t AS SELECT 1 AS a", in: "owned")
  }

  private func dropOwner() throws {
    try one.drop("owned")
    try one.run("DROP ROLE owning")
  }

  private func ownerEntry(_ more: String = "") -> String {
    "  - {name: owned, hostname: \(one.hostname), port: \(one.port), username: owning, password: o\(more)}\n"
  }

  private func plan(_ dump: TakenDump, _ root: ConfigurationSection, _ target: RestoreTarget? = nil) throws
    -> any PlannedRestore
  {
    try hook.restore(of: dump.facts, to: target ?? RestoreTarget(), root: root, context: context)
  }

  private func refusal(_ body: () throws -> any PlannedRestore) throws -> Diagnosis {
    try #require(#expect(throws: RestoreError.self) { _ = try body() }).diagnosis
  }

  @Test("The plan says which way is taken and why; a swap that cannot be is refused with the reason")
  func choice() throws {
    try prepareOwner()
    let root = try configured(ownerEntry())
    let dump = try take(root, context)
    let reason = "in place, in one transaction, because the user owning may not create"
    #expect(try plan(dump, root).summary.contains(reason))
    var target = RestoreTarget()
    target.strategy = .swap
    let refused = try refusal { try plan(dump, root, target) }
    #expect(refused.problem.contains("may not create databases") && refused.suggestion?.contains("CREATEDB") == true)

    try one.run("UPDATE t SET a = 2", in: "owned")
    #expect(try dump.restore(plan(dump, root), context: context) == [])
    #expect(try one.run("SELECT a FROM t", in: "owned") == "1\n")
    try one.run("ALTER ROLE owning CREATEDB")
    #expect(try plan(dump, root).summary.contains("swapped"))
    let inPlace = try configured(ownerEntry(", restore_strategy: in-place"))
    #expect(try plan(dump, inPlace).summary.contains("because restore_strategy asks for it"))
    // A flag stands above the configuration.
    #expect(try plan(dump, inPlace, target).summary.contains("swapped"))
    try dropOwner()
  }

  @Test(
    "What a dump leaves out on purpose stays where it is restored",
    arguments: [
      ("custom", "--exclude-table=public.left", "2|1\n", []), ("plain", "-Ot public.kept", "2|2\n", []),
      ("tar", "-N aside", "1|2\n", []),
      // An archive from before this was kept in it.
      ("custom", "--table=public.kept", "2|2\n", [PostgreSQLDumpFacts.partKey]),
    ])
  func parts(format: String, options: String, values: String, forgotten: [String]) throws {
    try one.recreate("parted")
    try one.run(
      """
      CREATE TABLE kept AS SELECT 1 AS a; CREATE TABLE public.left AS SELECT 1 AS a;
      CREATE SCHEMA aside; CREATE TABLE aside.t AS SELECT 1 AS a
      """, in: "parted")
    let root = try configured(one.entry("parted", "format: \(format)", "options: '\(options)'"))
    let taken = try take(root, context)
    var facts = taken.facts
    for key in forgotten { facts.details[key] = nil }
    let dump = TakenDump(facts: facts, bytes: taken.bytes)
    try one.run("UPDATE kept SET a = 2; UPDATE public.left SET a = 2; UPDATE aside.t SET a = 2", in: "parted")
    let planned = try plan(dump, root)
    #expect(planned.summary.contains("in place") && planned.summary.contains("had only a part of it dumped"))
    try dump.restore(planned, context: context)
    #expect(try one.run("SELECT a FROM kept", in: "parted") == "1\n")
    let others = "SELECT (SELECT a FROM public.left), (SELECT a FROM aside.t)"
    #expect(try one.run(others, in: "parted") == values)
    var target = RestoreTarget()
    target.strategy = .swap
    #expect(try refusal { try plan(dump, root, target) }.problem.contains("the rest would be gone"))
    try one.drop("parted")
  }

  @Test(
    "A dump without rows, or without tables, replaces no database unless that is asked for",
    arguments: [
      ("custom", "options: -s", "leaves the rows out", "0"),
      ("custom", "options: --exclude-table-data=*", "leaves the rows out", "0"),
      ("plain", "options: --schema-only", "leaves the rows out", "0"),
      ("directory", "options: --section=pre-data --section post-data", "leaves the rows out", "0"),
      ("tar", "options: --data-only", "leaves out what its rows are in", "4"),
      ("custom", "restore_options: -s", "leaves the rows out", "0"),
      ("custom", "restore_options: --section=data", "leaves out what its rows are in", "4"),
    ])
  func halves(format: String, options: String, problem: String, count: String) throws {
    try one.recreate("halved")
    try one.run("CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 2", in: "halved")
    let root = try configured(one.entry("halved", "format: \(format)", options))
    let dump = try take(root, context)
    #expect(try refusal { try plan(dump, root) }.problem.contains(problem))
    if options == "options: -s" {
      // An archive that was made before this was kept.
      var facts = dump.facts
      facts.details["without_rows"] = nil
      let old = TakenDump(facts: facts, bytes: dump.bytes)
      #expect(try refusal { try plan(old, root) }.problem.contains(problem))
    }
    var target = RestoreTarget()
    target.strategy = .swap
    #expect(try refusal { try plan(dump, root, target) }.suggestion?.contains("in-place") == true)
    target.strategy = .inPlace
    let asked = try plan(dump, root, target)
    #expect(asked.summary.contains(count == "0" ? "replaced by empty ones" : "rows are added to its tables"))
    try dump.restore(asked, context: context)
    #expect(try one.run("SELECT count(*) FROM t", in: "halved") == "\(count)\n")
    try one.drop("halved")
    if count == "0" {
      try dump.restore(plan(dump, root), context: context)
      #expect(try one.run("SELECT count(*) FROM t", in: "halved") == "0\n")
      try one.drop("halved")
    }
  }

  @Test(
    "Options that leave out all rows, or all that rows are in, are told from others",
    arguments: [
      (["-s"], "rows"), (["--schema-only"], "rows"), (["--schema-o"], "rows"), (["-xs"], "rows"),
      (["--no-data"], "rows"),
      (["-a"], "definitions"), (["--data-only"], "definitions"), (["--section=data"], "definitions"),
      (["--section", "pre-data"], "rows"), (["--section=pre-data", "--section=post-data"], "rows"),
      (["--section=pre-data", "--section", "data"], nil), (["--sect=post-data"], "rows"), (["--schema=a"], nil),
      (["-tsales"], nil), (["-n", "a"], nil), (["-Fcustom"], nil), (["--no-owner"], nil),
      (["--serializable-deferrable"], nil), (["--statistics"], nil), (["--statistics-only"], "rows"),
      (["-lsales"], nil), ([], nil),
    ])
  func halfOptions(options: [String], missing: String?) {
    #expect(DumpHalf(options, before: RestoreWay.dumpValues + "nNtTe")?.missing.rawValue == missing, "\(options)")
  }

  @Test("Options that leave objects out of a dump are told from those that leave out rows, or nothing")
  func leavingOut() {
    for option in [
      "-t", "-tpublic.a", "--table=a", "--tabl=a", "--exclude-table", "-N", "-B", "--no-blobs", "--filter=x", "-Ot",
      "-vxtpublic.a", "-OB",
    ] {
      #expect(RestoreWay.leavesOut(option), "\(option)")
    }
    for option in ["-Ot", "-vtpublic.a", "-cn"] { #expect(RestoreWay.choosesPart(option), "\(option)") }
    for option in ["-vx", "-hlocalhost", "-vSQL=a", "-v", "-Fcustom", "-U"] {
      #expect(!RestoreWay.choosesPart(option), "\(option)")
    }
    for option in [
      "--exclude-table-data=a", "--no-owner", "--no-sync", "-x", "-b", "public.a", "--lock-wait-timeout=5", "--inserts",
      "-Ox", "-Fctar", "-UBert", "-hnet", "-vj4",
      "-vFt", "-hlocalhost", "-ESQL_ASCII", "-Spostgres", "-Z9", "-j4", "-U", "-",
    ] {
      #expect(!RestoreWay.leavesOut(option), "\(option)")
    }
    for option in ["-Ot", "-vs", "-xa"] { #expect(RestoreWay.choosesPart(option), "\(option)") }
    for option in ["-Ox", "-vUnat", "-1", "--statistics"] { #expect(!RestoreWay.choosesPart(option), "\(option)") }
  }

  @Test(
    "Options of what runs pg_dump elsewhere are none of pg_dump's",
    arguments: [
      ("docker exec -t -s -e PGPASSWORD db pg_dump", nil, nil),
      ("docker exec -t db pg_dump --table=a", "--table=a", nil), ("docker exec -t db pg_dumpall -s", nil, "-s"),
    ] as [(String, String?, String?)])
  func elsewhere(command: String, part: String?, half: String?) throws {
    let root = try configured(one.entry("parted", "pg_dump_command: '\(command)'"))
    let section = try #require(root[PostgreSQLOptions.databases].first)
    let identity = DumpIdentity(hook: "postgresql", database: "parted")
    let entry = PostgreSQLEntry(section, identity, ServerAddress())
    #expect(entry.partOption == part)
    #expect(entry.dumpHalf?.option == half)
  }

  @Test("In place, whoever holds a lock is named after a while, and nothing of the restore stays in the server")
  func locks() throws {
    try prepareOwner()
    let root = try configured(ownerEntry())
    let dump = try take(root, context)
    let holder = try HeldSession(one, "owned", "BEGIN; SELECT a FROM t", application: "forgotten")
    defer { holder.end() }
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan(dump, root), context: context) }
    let said = try #require(error).diagnosis
    #expect(said.problem.contains("as it was") && said.problem.contains("lock"), "\(said)")
    #expect(said.problem.contains("user postgres"), "\(said)")
    #expect(said.suggestion?.contains("pg_terminate_backend") == true)
    #expect(try one.run("SELECT a FROM t", in: "owned") == "1\n")
    holder.end()
    try dropOwner()
  }

  @Test("A restore in place that is given up while it waits for a lock waits no more in the server")
  func givenUp() throws {
    try prepareOwner()
    let root = try configured(ownerEntry())
    let dump = try take(root, context)
    let holder = try HeldSession(one, "owned", "BEGIN; SELECT a FROM t")
    defer { holder.end() }
    let running = try plan(dump, root).start(folder: nil, context: context)
    try dump.bytes.withUnsafeBytes { try running.write($0) }
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _ in 0..<100 where try one.run(waiting) == "0\n" { usleep(100_000) }
    #expect(try one.run(waiting) == "1\n")
    running.abandon()
    for _ in 0..<50 where try one.run(waiting) != "0\n" { usleep(100_000) }
    #expect(try one.run(waiting) == "0\n")
    #expect(try one.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'owning'") == "0\n")
    holder.end()
    try dropOwner()
  }

  @Test("Rights that are missing are found before anything is touched")
  func rights() throws {
    try prepareOwner()
    let dump = try take(try configured(ownerEntry()), context)
    try one.run("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'g'")
    var target = one.target
    (target.username, target.password) = ("guest", "g")
    let nothing = try refusal { try plan(dump, configured(ownerEntry()), target) }
    #expect(nothing.problem.contains("may create nothing"), "\(nothing)")
    try one.run("GRANT CREATE ON DATABASE owned TO guest")
    let foreign = try refusal { try plan(dump, configured(ownerEntry()), target) }
    #expect(foreign.problem.contains("belongs to somebody else"), "\(foreign)")
    try dropOwner()
    try one.run("DROP ROLE guest")
  }

  @Test("Options that would lead a program to another database are refused")
  func options() throws {
    try prepareOwner()
    let dump = try take(try configured(ownerEntry()), context)
    for option in ["--create", "-C", "--dbname=other", "-d other", "--cre", "--file=x", "-l"] {
      let root = try configured(ownerEntry(", restore_options: \"\(option)\""))
      #expect(try refusal { try plan(dump, root) }.problem.contains("restore_options"), "\(option)")
    }
    for option in ["--clean --if-exists", "--no-acl", "--verbose", "-x -O", "--section=data --section=pre-data"] {
      let root = try configured(ownerEntry(", restore_options: \"\(option)\""))
      #expect(throws: Never.self, "\(option)") { _ = try plan(dump, root) }
    }
    try dropOwner()
  }
}
