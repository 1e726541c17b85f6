import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("The end of a dump that streams")
struct RunningDumpEndTests {
  /// Makes sure that a dump of which nobody has read anything is over behind `end`, and that what was found then stands.
  private func expectEnd(of planned: (any PlannedDump)?, _ context: HookContext) throws {
    let running = try #require(planned).start(context: context)
    defer { running.abandon() }
    guard case .stream(let source) = running.output else {
      Issue.record("it does not stream")
      return
    }
    try running.end()
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    let rest = try piece.withUnsafeMutableBytes { try source.read(into: $0) }
    #expect(rest == 0)
    try running.end()
    let outcome = try running.finish()
    #expect(outcome.bytes ?? 0 > 0)
    #expect(outcome.exitStatus == 0)
    #expect(try running.finish() == outcome)
  }

  private func custom(_ dump: String, check: String, _ context: HookContext) throws -> (any PlannedDump)? {
    let entry = "{name: shop, dump_command: \(Quoting.yaml(dump)), end_check: \(Quoting.yaml(check))}"
    return try CustomHook().dumps(of: makeRoot("custom_databases:\n  - \(entry)\n"), context: context).first
  }

  @Test("Commands of one's own have ended, and their check was content", arguments: ["", " > {output}"])
  func commands(place: String) throws {
    let context = try makeContext()
    let check = "tail -n 1 | grep -qx 100000"
    try expectEnd(of: custom("seq 1 100000\(place)", check: check, context), context)
    let running = try #require(try custom("seq 1 99999\(place)", check: check, context)).start(context: context)
    defer { running.abandon() }
    #expect(throws: DumpError.self) { try running.end() }
  }

  @Test("The process that reads an SQLite database has ended, and so has the program sqlite3")
  func files() throws {
    let ground = try SQLiteGround()
    try ground.run("a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);")
    for more in ["", ", sqlite_command: sqlite3"] { try expectEnd(of: ground.plan("a.db", more), ground.context) }
  }

  @Test("mongodump has ended, and its archive was found whole")
  func archives() throws {
    let tools = try MongoDBStandIn()
    // Its folder goes with it.
    defer { withExtendedLifetime(tools) {} }
    let context = try makeContext(path: "\(tools.folder):/usr/bin:/bin")
    let root = try makeRoot("mongodb_databases:\n  - name: users\n")
    let whole = MongoDBArchiveBuilder.whole("users.people")
    try tools.write("archive", whole)
    try expectEnd(of: MongoDBHook().dumps(of: root, context: context).first, context)
    try tools.write("archive", Array(whole.dropLast()))
    let running = try #require(MongoDBHook().dumps(of: root, context: context).first).start(context: context)
    defer { running.abandon() }
    #expect(throws: DumpError.self) { try running.end() }
  }
}
