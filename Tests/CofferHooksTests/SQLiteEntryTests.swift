import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

@Suite("Entries of SQLite databases")
struct SQLiteEntryTests {
  private let hook = SQLiteHook()
  private let folder: String
  private let context: HookContext

  init() throws {
    context = try makeContext()
    folder = context.runtime.path
  }

  @discardableResult
  private func run(_ file: String, _ sql: String) throws -> String {
    let command = ChildCommand("sqlite3", ["-bail", "\(folder)/\(file)", sql], environment: context.environment)
    let result = try context.launcher.run(command)
    try #require(result.status.isSuccess)
    return result.text
  }

  private func root(_ entries: String...) throws -> ConfigurationSection {
    try makeRoot("sqlite_databases:\n" + entries.map { "  - {\($0)}\n" }.joined())
  }

  private func take(_ root: ConfigurationSection) throws -> TakenDump {
    try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
  }

  @Test("Two entries of one name are seen, not silently dropped: both have the same place")
  func duplicates() throws {
    let root = try makeRoot(
      "sqlite_databases:\n  - {name: a, path: /x}\n  - {name: a, path: /y}\n  - {name: a, path: /z, label: other}\n")
    let paths = try hook.dumps(of: root, context: context).map(\.identity.path)
    #expect(paths == ["sqlite_databases/localhost/a", "sqlite_databases/localhost/a", "sqlite_databases/other/a"])
  }

  @Test("A file that has the name of SQLite's databases in memory is refused, and not taken for one of those")
  func memory() throws {
    try run("a.db", "CREATE TABLE t(x)")
    try FileManager.default.copyItem(atPath: "\(folder)/a.db", toPath: "\(folder)/:memory:")
    let refused = #expect(throws: (any Error).self) { try take(root("name: app, path: '\(folder)/:memory:'")) }
    #expect("\(try #require(refused))".contains("database in memory"), "\(String(describing: refused))")
    let dump = try take(root("name: app, path: \(folder)/a.db"))
    let target = #expect(throws: (any Error).self) {
      let plan = try hook.restore(
        of: dump.facts, to: RestoreTarget(path: "\(folder)/:memory:"), root: nil, context: context)
      try dump.restore(plan, context: context)
    }
    #expect("\(try #require(target))".contains("database in memory"), "\(String(describing: target))")
  }

  @Test("A restore goes to what is asked for, else to restore_path, else to path, else to where the dump came from")
  func targets() throws {
    try run("a.db", "CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    let own = "name: app, path: \(folder)/a.db"
    let dump = try take(root(own))
    func restore(_ root: ConfigurationSection?, _ target: RestoreTarget = RestoreTarget()) throws -> String {
      try run("a.db", "UPDATE t SET x = 2")
      let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
      try dump.restore(plan, context: context)
      return plan.summary
    }
    #expect(try restore(root(own), RestoreTarget(path: "\(folder)/asked.db")).contains("asked.db"))
    #expect(try restore(root(own + ", restore_path: \(folder)/spare.db")).contains("spare.db"))
    #expect(try run("a.db", "SELECT x FROM t") == "2\n")
    for file in ["asked.db", "spare.db"] { #expect(try run(file, "SELECT x FROM t") == "1\n") }
    #expect(try restore(root(own)).contains("a.db (the file is replaced)"))
    #expect(try run("a.db", "SELECT x FROM t") == "1\n")
    #expect(try restore(nil).contains("a.db (the file is replaced)"))
    #expect(try restore(root("name: other, path: \(folder)/other.db")).contains("a.db (the file is replaced)"))
  }

  @Test("A label chooses among entries of one name; one that is new or gone does not matter while the name says enough")
  func labels() throws {
    try run("a.db", "CREATE TABLE t(x)")
    let plain = "name: app, path: \(folder)/a.db"
    let labelled = "name: app, label: second, path: \(folder)/a.db, restore_path: \(folder)/b.db"
    func target(_ dumped: String, _ entries: ConfigurationSection) throws -> String {
      let facts = try take(root(dumped)).facts
      return try hook.restore(of: facts, to: RestoreTarget(), root: entries, context: context).summary
    }
    #expect(try target(labelled, root(plain, labelled)).contains("b.db"))
    #expect(try target(plain, root(plain, labelled)).contains("a.db"))
    #expect(try target(plain, root(labelled)).contains("b.db"))
    #expect(try target(labelled, root(plain)).contains("a.db"))
  }

  @Test("Another name and schemas are refused with what to do")
  func impossible() throws {
    let facts = DumpFacts(identity: DumpIdentity(hook: hook.name, database: "app"), format: "sql")
    for target in [RestoreTarget(databaseName: "x"), RestoreTarget(schemas: ["main"])] {
      let error = #expect(throws: RestoreError.self) {
        try hook.restore(of: facts, to: target, root: nil, context: context)
      }
      #expect(error?.diagnosis.suggestion?.contains("--restore-path") == true)
    }
  }

  @Test("Commands have arguments, and one that runs elsewhere may see a file that is not here")
  func commands() throws {
    try run("a.db", "CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    try
      "#!/bin/sh\n[ \"$1\" = --in ] || exit 3; cd \"$2\"; shift 2\nfor a; do shift; set -- \"$@\" \"$(echo \"$a\" | sed s,/inside/,,)\"; done\nexec sqlite3 \"$@\"\n"
      .write(toFile: "\(folder)/elsewhere", atomically: true, encoding: .utf8)
    chmod("\(folder)/elsewhere", 0o755)
    let dump = try take(root("name: app, path: /inside/a.db, sqlite_command: \(folder)/elsewhere --in \(folder)"))
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("INSERT INTO"))

    // As borgmatic's users have it: without -i, which is what makes docker pass the input on.
    try
      "#!/bin/sh\n[ \"$1\" = exec ] || exit 3; shift; input=/dev/null\nwhile [ \"$1\" = -i ]; do shift; input=/dev/stdin; done\n[ \"$1\" = app ] || { echo No such container: $1 >&2; exit 4; }; shift\nexec \"$@\" <$input\n"
      .write(toFile: "\(folder)/docker", atomically: true, encoding: .utf8)
    chmod("\(folder)/docker", 0o755)
    for words in ["exec app sqlite3", "exec -i app sqlite3"] {
      let dump = try take(root("name: app, path: \(folder)/a.db, sqlite_command: \(folder)/docker \(words)"))
      #expect(String(decoding: dump.bytes, as: UTF8.self).contains("INSERT INTO"))
    }

    let missing = #expect(throws: DumpError.self) {
      try take(root("name: app, path: \(folder)/a.db, sqlite_command: \(folder)/docker exec gone sqlite3"))
    }
    #expect(missing?.diagnosis.problem.contains("No such container: gone") == true)

    let back = "name: app, path: \(folder)/b.db, sqlite_restore_command: env X=Y sqlite3"
    try dump.restore(
      hook.restore(of: dump.facts, to: RestoreTarget(), root: root(back), context: context), context: context)
    #expect(try run("b.db", "SELECT x FROM t") == "1\n")
  }
}
