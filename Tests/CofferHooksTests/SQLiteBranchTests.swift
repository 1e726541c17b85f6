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

  /// This process's children that wait to be branched off of.
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
    #expect(Set(try nurseries()).subtracting(before).count == 1)
  }

  @Test("Where the one that waits was killed, the program is started anew")
  func killed() throws {
    let before = Set(try nurseries())
    let dumps = try make(2)
    _ = try TakenDump(dumps[0], context: ground.context)
    for process in Set(try nurseries()).subtracting(before) { kill(process, SIGKILL) }
    #expect(try TakenDump(dumps[1], context: ground.context).facts.content?.rowCount == 1)
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
