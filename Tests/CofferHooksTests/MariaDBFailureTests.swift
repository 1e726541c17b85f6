import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("MariaDB when something is wrong", .serialized)
struct MariaDBFailureTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }
  private var two: MariaDBServer { bench.two }

  init() throws {
    bench = try MariaDBBench()
  }

  private func failure(_ entry: String, context: HookContext) throws -> Diagnosis {
    do {
      _ = try bench.dump(entry, context: context)
    } catch let error as any DiagnosableError {
      return error.diagnosis
    }
    Issue.record("The dump succeeded")
    return Diagnosis(subject: "", problem: "")
  }

  private func place(_ more: String) -> String {
    "  - {name: users, hostname: \(one.hostname), port: \(one.port), \(more)}\n"
  }

  @Test("A wrong password is told with the database and what to do")
  func wrongPassword() throws {
    let diagnosis = try failure(place("username: coffer, password: nope"), context: makeContext())
    #expect(diagnosis.subject.contains("'users'"))
    #expect(diagnosis.problem.contains("Access denied"))
    #expect(diagnosis.suggestion?.contains("username and password") == true)
    let listing = try failure(
      place("username: coffer, password: nope").replacing("users", with: "all"), context: makeContext())
    #expect(listing.problem.contains("could not be listed"))
    #expect(listing.suggestion?.contains("username and password") == true)
  }

  @Test("A server that is down, a database that is not there and a missing program are told with what to do")
  func simple() throws {
    let down = try failure("  - {name: users, hostname: 127.0.0.1, port: 1}\n", context: makeContext())
    #expect(down.suggestion?.contains("server runs") == true)
    let unknown = try failure(one.entry("no such database"), context: makeContext())
    #expect(unknown.suggestion?.contains("Correct the name") == true)
    let missing = try failure("  - {name: users}\n", context: makeContext(path: "/nowhere"))
    #expect(missing.subject == "mariadb-dump")
    #expect(missing.suggestion?.contains("mariadb-client") == true)
  }

  @Test("A server that offers no encryption is told with the option that does without")
  func tls() throws {
    let diagnosis = try failure(
      two.entry("mysql", "tls: true", "options: --ssl-verify-server-cert"), context: makeContext())
    #expect(diagnosis.suggestion?.contains("tls: false") == true)
    let cut = MariaDBFailure.suggestion("ERROR 2026 (HY000): TLS/SSL error: Connection reset by peer (104)")
    #expect(cut?.contains("ended the connection") == true)
  }

  @Test("A right that a dump lacks is told as the GRANT to run")
  func privileges() throws {
    try one.recreate("guarded")
    try one.run(
      """
      CREATE TABLE guarded.t (i INT); CREATE VIEW guarded.v AS SELECT 1 AS a;
      CREATE OR REPLACE USER weak@'%' IDENTIFIED BY 'w'
      """)
    let entry =
      "  - {name: guarded, hostname: \(one.hostname), port: \(one.port), username: weak, password: w, tablespaces: false}\n"
    let first = try failure(entry, context: makeContext())
    #expect(first.suggestion?.contains("ON `guarded`.* TO 'weak'@") == true, "\(first)")
    try one.run("GRANT SELECT, LOCK TABLES ON guarded.* TO weak@'%'")
    let second = try failure(entry, context: makeContext())
    #expect(second.suggestion?.contains("GRANT ") == true, "\(second)")
    try one.run("GRANT SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT ON guarded.* TO weak@'%'")
    let context = try makeContext()
    let dump = try bench.dump(entry, context: context)

    let error = #expect(throws: RestoreError.self) {
      try bench.hook.restore(
        of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    }
    #expect(error?.diagnosis.suggestion?.contains("GRANT ALL ON `coffer\\_%`.* TO 'weak'@'%'") == true)
    try one.run("GRANT ALL ON `coffer\\_%`.* TO weak@'%'; GRANT ALL ON guarded.* TO weak@'%'")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    let refused = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    // The view is another's; only administrators may make what acts for others.
    #expect(refused?.diagnosis.suggestion?.contains("SET USER") == true)
    try one.run("GRANT SET USER ON *.* TO weak@'%'")
    // The dump was made by a user who might not see routines.
    let said = try dump.restore(plan, context: context)
    #expect(said.count == 1 && said[0].contains("may not see all procedures and functions"), "\(said)")
    try one.run("DROP USER weak@'%'")
    try one.drop("guarded")
    try bench.expectNothingLeft()
  }

  @Test(
    "A grant covers a database as the server reads it",
    arguments: [
      ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%`", true), ("GRANT ALL PRIVILEGES ON `my_shop`.* TO `a`@`%`", true),
      (#"GRANT ALL PRIVILEGES ON `my\_shop`.* TO `a`@`%`"#, true),
      (#"GRANT ALL PRIVILEGES ON `my\_%`.* TO `a`@`%`"#, true),
      ("GRANT SELECT, INSERT, CREATE, DROP, ALTER ON `my%`.* TO `a`@`%`", true),
      ("GRANT SELECT, INSERT ON `my_shop`.* TO `a`@`%`", false), ("GRANT USAGE ON *.* TO `a`@`%`", false),
      ("GRANT ALL PRIVILEGES ON `other`.* TO `a`@`%`", false), ("GRANT `role` TO `a`@`%`", false),
      ("GRANT ALL PRIVILEGES ON `my_shop`.`t` TO `a`@`%`", false),
    ])
  func grants(grant: String, isEnough: Bool) {
    #expect(MariaDBChecks.mayDoAll(MariaDBGrants([grant]), on: "my_shop") == isEnough)
  }

  @Test(
    "A dump that is empty, or that lacks its end mark, is a failure although the program is content",
    arguments: [
      ("exit 0", "wrote nothing"), ("echo 'CREATE TABLE t (i INT);'", "Dump completed"),
      ("printf -- '-- Dump completed\\nSELECT'", "Dump completed"), ("printf -- '-- Dump completed'", "Dump completed"),
    ])
  func incomplete(script: String, sign: String) throws {
    let program = try Programs()
    let path = try program.make(script)
    let diagnosis = try failure("  - {name: users, mariadb_dump_command: \(path)}\n", context: makeContext())
    #expect(diagnosis.problem.contains(sign))
  }

  @Test("A restore that cannot work is refused before anything is touched")
  func refused() throws {
    let facts = DumpFacts(identity: DumpIdentity(hook: bench.hook.name, database: "users"), format: "sql")
    let context = try makeContext()
    func suggestion(_ change: (inout RestoreTarget) -> Void, database: String = "users") throws -> String {
      var target = two.target
      change(&target)
      var facts = facts
      facts.identity = DumpIdentity(hook: bench.hook.name, database: database)
      let error = #expect(throws: RestoreError.self) {
        try bench.hook.restore(of: facts, to: target, root: nil, context: context)
      }
      return error?.diagnosis.suggestion ?? ""
    }
    #expect(try suggestion { $0.password = "wrong" }.contains("username and password"))
    #expect(try suggestion { $0.port = 1 }.contains("server runs"))
    #expect(try suggestion { $0.schemas = ["s"] }.contains("whole"))
    #expect(try suggestion { $0.databaseName = "sys" }.contains("another name"))
    #expect(try suggestion({ $0.databaseName = "x" }, database: "all").contains("Leave the other name out"))
    #expect(throws: LaunchError.self) {
      try bench.hook.restore(of: facts, to: two.target, root: nil, context: makeContext(path: "/nowhere"))
    }
  }

  @Test("A restore that waits for locked tables gives up, cancelled or not, with everything as it was")
  func locked() throws {
    try one.recreate("busy")
    try one.run(
      """
      CREATE TABLE busy.t (i INT); INSERT INTO busy.t VALUES (1);
      CREATE TRIGGER busy.r BEFORE INSERT ON busy.t FOR EACH ROW SET @a = 1; CREATE VIEW busy.v AS SELECT * FROM busy.t
      """)
    let cancellation = try Cancellation()
    let context = try makeContext(cancellation: cancellation)
    let dump = try bench.dump(one.entry("busy"), context: context)
    let before = try one.content(of: "busy")
    let server = one
    let holder = try WorkerThread(name: "holder") {
      _ = try? server.run("START TRANSACTION; SELECT * FROM busy.t; DO SLEEP(30)")
    }
    // Ctrl-C while the tables are changing places: what was begun is still put back.
    let canceller = try WorkerThread(name: "canceller") {
      let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DROP TRIGGER%'"
      for _ in 1...1000 {
        guard (try? server.run(waiting)) == "0\n" else { break }
        usleep(20000)
      }
      cancellation.cancel()
    }
    usleep(500_000)
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(one.entry("busy")), context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.suggestion?.contains("locked") == true, "\(String(describing: error))")
    #expect(cancellation.isCancelled)
    for thread in [holder, canceller] { thread.join() }
    try expectSame(one.content(of: "busy"), before)
    try one.drop("busy")
    try bench.expectNothingLeft()
  }

  @Test("A database left by a restore that was killed is told of")
  func leftovers() throws {
    try two.run("CREATE OR REPLACE DATABASE coffer_0123abcd_1_old")
    try one.recreate("small")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("small"), context: context)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: nil, context: context)
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.contains { $0.contains("DROP DATABASE coffer_0123abcd_1_old") })
    for server in [one, two] { try server.drop("small") }
    try two.drop("coffer_0123abcd_1_old")
  }

  @Test("No password is in a command line or an environment while a dump and a restore run, but where it was asked for")
  func secrecy() throws {
    try one.recreate("secretive")
    try one.run(MariaDBServer.richSchema, in: "secretive")
    #expect(try sightings("pipe").isEmpty)
    let seen = try sightings("environment")
    #expect(!seen.isEmpty && seen.allSatisfy { $0.hasSuffix("/environ") })
    for server in [one, two] { try server.drop("secretive") }
  }

  /// Dumps and restores, and returns the files below /proc in which a password was seen meanwhile.
  private func sightings(_ transport: String) throws -> Set<String> {
    try two.drop("secretive")
    let context = try makeContext()
    let entry = one.entry("secretive", "password_transport: \(transport)")
    let isDone = Monitor(false)
    let seen = Monitor<Set<String>>([])
    let secrets = [one.password, two.password].map { Array($0.utf8) }
    let watcher = try WorkerThread(name: "watcher") {
      while !isDone.update({ $0 }) {
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
          guard Self.isChild(entry) else { continue }
          for file in ["cmdline", "environ"] {
            let bytes = FileManager.default.contents(atPath: "/proc/\(entry)/\(file)").map(Array.init) ?? []
            if secrets.contains(where: bytes.contains) { seen.update { _ = $0.insert("\(entry)/\(file)") } }
          }
        }
        usleep(500)
      }
    }
    let root = try bench.configured(entry)
    let dump = try bench.dump(entry, context: context)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(plan, context: context)
    isDone.update { $0 = true }
    watcher.join()
    return seen.update { $0 }
  }

  /// Whether a process is this one's child (proc(5): the parent is the second field behind the name), and runs already.
  private static func isChild(_ process: String) -> Bool {
    guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
    let text = String(decoding: stat, as: UTF8.self)
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    return text.contains("(mariadb") && fields.count > 1 && Int32(fields[1]) == getpid()
  }
}
