import CofferSQLite
import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("Processes that branch off of one that waits")
struct SQLiteBranchTests {
  private let ground: SQLiteGround

  init() throws {
    ground = try SQLiteGround()
  }

  private func make(_ count: Int) throws -> [any PlannedDump] {
    for number in 0..<count { try ground.run("\(number).db", "CREATE TABLE t(a); INSERT INTO t VALUES (\(number))") }
    let entries = (0..<count).map { "  - {name: db\($0), path: \(ground.path("\($0).db"))}\n" }.joined()
    return try ground.hook.dumps(of: makeRoot("sqlite_databases:\n" + entries), context: ground.context)
  }

  /// This process's children of that kind: the one that is branched off of, and the branch that waits for the next order.
  private func nurseries() throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { process in
      let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      let status = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
      return String(decoding: words, as: UTF8.self).contains("\0--nursery\0")
        && String(decoding: status, as: UTF8.self).contains("PPid:\t\(getpid())\n")
    }
  }

  @Test("Every database has a process of its own, the program is started once, and all of it ends with its launcher")
  func one() throws {
    let before = Set(try nurseries())
    let dumps = try make(5)
    for (number, dump) in dumps.enumerated() {
      let taken = try TakenDump(dump, context: ground.context)
      #expect(String(decoding: taken.bytes, as: UTF8.self).contains("VALUES(1,\(number));"))
      #expect(taken.facts.content?.rowCount == 1)
    }
    #expect((1...2).contains(Set(try nurseries()).subtracting(before).count))
  }

  @Test("Nobody of them is left when their launcher is gone, be the next one on its way or not")
  func ended() throws {
    let before = Set(try nurseries())
    for count in 1...3 {
      let own = try SQLiteGround()
      try own.run("a.db", "CREATE TABLE t(a)")
      let entry = "sqlite_databases: [{name: a, path: \(own.path("a.db"))}]\n"
      for dump in try own.hook.dumps(of: makeRoot(entry), context: own.context) {
        for _ in 0..<count { _ = try TakenDump(dump, context: own.context) }
      }
    }
    #expect(Set(try nurseries()).subtracting(before).isEmpty)
  }

  @Test("Where the one that waits was killed, the program is started anew")
  func killed() throws {
    let before = Set(try nurseries())
    let dumps = try make(4)
    _ = try TakenDump(dumps[0], context: ground.context)
    // Not the branch that waits already: that it is killed is told, as of any other dump.
    let first = try #require(Set(try nurseries()).subtracting(before).min())
    kill(first, SIGKILL)
    for dump in dumps { #expect(try TakenDump(dump, context: ground.context).facts.content?.rowCount == 1) }
  }

  @Test("What goes wrong in one is said as its own: a file that is no database, one that another process has locked")
  func failures() throws {
    let dumps = try make(2)
    try "this is no database, but long enough to be one".write(
      toFile: ground.path("0.db"), atomically: false, encoding: .utf8)
    let error = #expect(throws: DumpError.self) { try TakenDump(dumps[0], context: ground.context) }
    #expect(error?.diagnosis.problem.contains("not a database") == true, "\(String(describing: error))")
    #expect(try TakenDump(dumps[1], context: ground.context).facts.content?.rowCount == 1)
  }
}
