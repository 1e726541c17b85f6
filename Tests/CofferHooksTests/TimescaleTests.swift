import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// The extension itself is not there: a psql that answers in its place, and passes everything else on, shows what is asked
/// of it and when.
@Suite("Restores of TimescaleDB", .serialized)
struct TimescaleTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  private var log: String { ground.programs.path + "/log" }

  private func root(available: Bool = true) throws -> ConfigurationSection {
    let psql = try standIn(
      """
      for last; do :; done
      case $last in
        *pg_available_extension_versions*) echo \(available ? 1 : 0);;
        -)
          input=$(cat)
          case $input in
            *timescaledb*)
              connection=$(printf '%s\n' "$@" | grep '^dbname=')
              tables=$(psql -At -h \(one.hostname) -p \(one.port) -U \(one.username) -d "$connection" \
                -c "SELECT count(*) FROM pg_class WHERE relname = 't'")
              printf '%s\n' "$input" | head -1 | sed "s/;$/ ($tables tables)/" >>\(log)
              printf '%s\n' "$input" | tail -1 | cut -d ' ' -f 2;;
            *) printf '%s\n' "$input" | psql "$@";;
          esac;;
        *) exec psql "$@";;
      esac
      """)
    return try configured(one.entry("series", "psql_command: \(psql)"))
  }

  private func take(_ context: HookContext) throws -> TakenDump {
    try one.recreate("series")
    try one.run("CREATE TABLE t AS SELECT 1 AS x", in: "series")
    return try take(configured(one.entry("series")), context)
  }

  private func facts(_ dump: TakenDump) -> DumpFacts {
    var facts = dump.facts
    facts.details["timescaledb"] = "2.15.0"
    return facts
  }

  @Test("The extension is made in the dump's version, told before the content comes, and told when it is complete")
  func ceremony() throws {
    let context = try makeContext()
    let dump = try take(context)
    try one.drop("series")
    let plan = try hook.restore(of: facts(dump), to: RestoreTarget(), root: root(), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(
      String(contentsOfFile: log, encoding: .utf8),
      """
      CREATE EXTENSION timescaledb WITH SCHEMA "public" VERSION '2.15.0' (0 tables)
      SELECT "public"."timescaledb_pre_restore"() (0 tables)
      SELECT "public"."timescaledb_post_restore"() (1 tables)

      """)
    #expect(try one.run("SELECT x FROM t", in: "series") == "1\n")
    try one.drop("series")
  }

  @Test("What holds something is swapped, not replaced in place, and a server without that version is refused")
  func refusals() throws {
    let context = try makeContext()
    let dump = try take(context)
    func refusal(available: Bool, strategy: RestoreStrategy = .automatic) throws -> Diagnosis? {
      let root = try root(available: available)
      var target = RestoreTarget()
      target.strategy = strategy
      return #expect(throws: RestoreError.self) {
        try hook.restore(of: facts(dump), to: target, root: root, context: context)
      }?.diagnosis
    }
    let inPlace = try refusal(available: true, strategy: .inPlace)
    #expect(inPlace?.suggestion?.contains("restore_strategy: swap") == true)
    try one.run("INSERT INTO t VALUES (2)", in: "series")
    let plan = try hook.restore(of: facts(dump), to: RestoreTarget(), root: root(), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    #expect(try one.run("SELECT x FROM t", in: "series") == "1\n")
    try one.drop("series")
    #expect(try refusal(available: false)?.problem.contains("lacks TimescaleDB 2.15.0") == true)
  }

  @Test("A database that was empty is empty again when the restore is given up")
  func givenUp() throws {
    let context = try makeContext()
    let dump = try take(context)
    try one.recreate("series")
    var target = RestoreTarget()
    target.strategy = .inPlace
    let plan = try hook.restore(of: facts(dump), to: target, root: root(), context: context)
    try dump.restore(plan, context: context, length: 100)
    #expect(try String(contentsOfFile: log, encoding: .utf8).contains("DROP EXTENSION IF EXISTS timescaledb"))
    try one.drop("series")
  }
}
