import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Sessions that go on from one PostgreSQL database to the next", .serialized)
struct PostgreSQLConversationTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext
  private var log: String { ground.programs.path + "/starts" }

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// What the programs of that name were started with, a line each.
  private func starts(_ program: String) throws -> Int {
    let text = try String(contentsOfFile: log, encoding: .utf8)
    return text.split(separator: "\n").count { $0 == program }
  }

  private func noting(_ program: String, _ before: String = "") throws -> String {
    try standIn("echo \(program) >>\(log)\n\(before)\nexec \(program) \"$@\"\n")
  }

  @Test("Facts, snapshots and rows of many databases come of two psql, whatever the names are; versions are asked once")
  func few() throws {
    // The third cannot be told to a psql that runs.
    let names = ["go one", "go\"two'\\ $x :y", "gox\nthree = 'a' b", "go\u{301}four", "go{five}%"]
    for (number, name) in names.enumerated() {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT generate_series(1, \(number + 1)) AS a", in: name)
    }
    defer { for name in names { try? one.drop(name) } }
    let (psql, pgDump) = (try noting("psql"), try noting("pg_dump"))
    let root = try configured(
      one.entry("go*", "psql_command: \(psql)", "pg_dump_command: \(pgDump)", "globals: false"))
    let dumps = try hook.dumps(of: root, context: context)
    #expect(Set(dumps.map(\.identity.database)) == Set(names))
    for dump in dumps {
      let facts = try TakenDump(dump, context: context).facts
      let number = try #require(names.firstIndex(of: dump.identity.database))
      #expect(facts.content?.tables == [.init(name: "public.t", rows: UInt64(number + 1))], "\(facts)")
      #expect(facts.content?.remark == nil && facts.details["owner"] == "postgres" && facts.clientVersion != nil)
    }
    // The list, two sessions, and two more for the name with the line break.
    #expect(try starts("psql") == 5)
    #expect(try starts("pg_dump") == names.count + 1)
    // When the last dump has begun nobody stays in a database.
    #expect(try one.run("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'go%'") == "0\n")
  }

  @Test("A session that ends between two databases is replaced, and one that fails in a database spoils no other")
  func ended() throws {
    for name in ["end_a", "end_b", "end_c"] {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT 1 AS a", in: name)
    }
    defer { for name in ["end_a", "end_b", "end_c"] { try? one.drop(name) } }
    let root = try configured(one.entry("end_*", "globals: false"))
    let dumps = try hook.dumps(of: root, context: context)
    #expect(try TakenDump(dumps[0], context: context).facts.content?.rowCount == 1)
    try one.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'end_a'")
    try one.drop("end_b")
    #expect(throws: DumpError.self) { try TakenDump(dumps[1], context: context) }
    #expect(try TakenDump(dumps[2], context: context).facts.content?.rowCount == 1)
  }

  @Test("A psql that is not given what it is to read is asked by its arguments, and nothing is counted")
  func withoutInput() throws {
    try one.recreate("deaf")
    defer { try? one.drop("deaf") }
    let psql = try standIn("exec psql \"$@\" </dev/null")
    let facts = try take(configured(one.entry("deaf", "psql_command: \(psql)", "globals: false")), context).facts
    #expect(facts.details["owner"] == "postgres" && facts.details["facts"] == nil && facts.serverVersion != nil)
    #expect(facts.content?.remark?.contains("nothing was counted") == true, "\(facts)")
  }
}
