import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL databases that somebody makes anew while a restore is on its way", .serialized)
struct PostgreSQLRemadeTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  private static let made = "SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'"

  private func taken(_ sql: String, in database: String = "remade", _ entry: String...) throws -> (
    TakenDump, ConfigurationSection
  ) {
    try one.recreate(database)
    try one.run(sql, in: database)
    let root = try configured(one.entry(database) + entry.map { "    \($0)\n" }.joined())
    return (try take(root, context), root)
  }

  private func plan(_ dump: TakenDump, _ root: ConfigurationSection) throws -> any PlannedRestore {
    try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
  }

  /// The error of a restore during which `meanwhile` is done.
  private func failure(
    _ dump: TakenDump, _ plan: any PlannedRestore, _ meanwhile: () throws -> Void
  ) throws -> Diagnosis? {
    let running = try plan.start(folder: dump.folder, context: context)
    defer { running.abandon() }
    try dump.bytes.withUnsafeBytes { try running.write($0) }
    _ = try running.endPass()
    try meanwhile()
    let error = #expect(throws: RestoreError.self) { try running.finish() }
    return error?.diagnosis
  }

  @Test("One that was dropped and made anew since the restore began is not replaced", arguments: ["custom", "plain"])
  func remade(format: String) throws {
    let (dump, root) = try taken("CREATE TABLE t AS SELECT 1 AS a", "format: \(format)")
    let said = try failure(dump, plan(dump, root)) {
      try one.recreate("remade")
      try one.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    }
    #expect(said?.problem.contains("is not the database any more that was there") == true, "\(said as Any)")
    #expect(said?.problem.contains("nothing else was touched") == true, "\(String(describing: said))")
    #expect(try one.run("SELECT a FROM somebodys", in: "remade") == "7\n")
    #expect(try one.run(Self.made) == "0\n")
    try one.drop("remade")
  }

  @Test("One that took the name while the exchange was at it is not replaced")
  func swapped() throws {
    let (dump, root) = try taken("CREATE TABLE t AS SELECT 1 AS a")
    try one.recreate("remade other")
    let said = try failure(dump, plan(dump, root)) {
      try one.run("ALTER DATABASE remade RENAME TO \"remade old\"")
      try one.run("ALTER DATABASE \"remade other\" RENAME TO remade")
    }
    #expect(said?.problem.contains("is now called 'remade old'") == true, "\(String(describing: said))")
    #expect(try one.run("SELECT count(*) FROM pg_class WHERE relname = 't'", in: "remade") == "0\n")
    #expect(try one.run("SELECT a FROM t", in: "remade old") == "1\n")
    for name in ["remade", "remade old"] { try one.drop(name) }
  }

  @Test("One that was empty at the planning and has been filled by somebody is left alone")
  func filledMeanwhile() throws {
    let (dump, root) = try taken("CREATE TABLE t AS SELECT 1 AS a")
    try one.recreate("remade")
    let plan = try plan(dump, root)
    try one.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("is not any more") == true, "\(String(describing: error))")
    #expect(try one.run("SELECT a FROM somebodys", in: "remade") == "7\n")
    try one.drop("remade")
  }

  @Test(
    "One that has been made anew since the planning is left alone, unless this run has put it there",
    arguments: ["swap", "in-place"])
  func remadeMeanwhile(strategy: String) throws {
    let (dump, root) = try taken("CREATE TABLE t AS SELECT 1 AS a", in: "remade", "restore_strategy: \(strategy)")
    let content = try one.content(of: "remade")
    let (first, second) = (try plan(dump, root), try plan(dump, root))
    #expect(try dump.restore(first, context: context) == [])
    #expect(try dump.restore(second, context: context) == [])
    try expectSame(one.content(of: "remade"), content)
    let third = try plan(dump, root)
    try one.recreate("remade")
    try one.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    let error = #expect(throws: RestoreError.self) { try dump.restore(third, context: context) }
    #expect(error?.diagnosis.problem.contains("not the database any more") == true, "\(String(describing: error))")
    #expect(try one.run("SELECT a FROM somebodys", in: "remade") == "7\n")
    try one.drop("remade")
  }

  @Test("One that was missing at the planning and has been made by somebody is left alone")
  func appeared() throws {
    let (dump, root) = try taken("CREATE TABLE t AS SELECT 1 AS a")
    try one.drop("remade")
    let early = try plan(dump, root)
    try one.recreate("remade")
    try one.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    let error = #expect(throws: RestoreError.self) { try early.start(folder: nil, context: context) }
    #expect(error?.diagnosis.problem.contains("since the restore was planned") == true)
    #expect(try one.run("SELECT a FROM somebodys", in: "remade") == "7\n")

    try one.drop("remade")
    let said = try failure(dump, plan(dump, root)) {
      try one.run("CREATE DATABASE remade")
      try one.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    }
    #expect(said?.problem.contains("already exists") == true, "\(String(describing: said))")
    #expect(try one.run("SELECT a FROM somebodys", in: "remade") == "7\n")
    #expect(try one.run(Self.made) == "0\n")
    try one.drop("remade")
  }

  @Test("Two restores into one database, planned together, follow each other")
  func twice() throws {
    let (first, root) = try taken("CREATE TABLE t AS SELECT 1 AS a")
    try one.run("UPDATE t SET a = 2", in: "remade")
    let second = try take(root, context)
    let plans = [try plan(first, root), try plan(second, root)]
    try first.restore(plans[0], context: context)
    #expect(try one.run("SELECT a FROM t", in: "remade") == "1\n")
    try second.restore(plans[1], context: context)
    #expect(try one.run("SELECT a FROM t", in: "remade") == "2\n")
    #expect(try one.run(Self.made) == "0\n")
    try one.drop("remade")
  }

  @Test("A whole server's restore replaces none that was made anew since its turn came")
  func wholeServer() throws {
    _ = try taken("CREATE TABLE t AS SELECT 1 AS a")
    let root = try configured(one.entry("all", "label: remade"))
    let dump = try take(root, context)
    try two.recreate("remade")
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let said = try failure(dump, plan) {
      try two.recreate("remade")
      try two.run("CREATE TABLE somebodys AS SELECT 7 AS a", in: "remade")
    }
    #expect(said?.problem.contains("not the database any more") == true, "\(String(describing: said))")
    #expect(try two.run("SELECT a FROM somebodys", in: "remade") == "7\n")
    #expect(try two.run(Self.made) == "0\n")
    for server in [one, two] { try server.drop("remade") }
  }
}
