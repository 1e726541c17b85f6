import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL restores that cannot succeed", .serialized)
struct PostgreSQLFailedRestoreTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test(
    "A restore that fails in the middle, or is given up, leaves the database exactly as it was",
    arguments: ["custom", "plain"])
  func failedRestore(format: String) throws {
    try prepare()
    let context = try makeContext()
    // A swap would not even see what is in the way.
    let root = try configured(entry("format: \(format)", "restore_strategy: in-place"))
    let dump = try take(root, context)
    // A view that the dump knows nothing of keeps a table from being dropped.
    try one.run(
      "CREATE VIEW keeper AS SELECT * FROM sales.orders_rest; DELETE FROM sales.orders_2024", in: Self.database)
    let before = try one.content(of: Self.database)
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("as it was") == true)
    #expect(error?.diagnosis.subject.contains(Self.database) == true)
    try expectSame(one.content(of: Self.database), before)

    try one.run("DROP VIEW keeper", in: Self.database)
    let without = try one.content(of: Self.database)
    try dump.restore(plan, context: context, length: dump.bytes.count / 2)
    try expectSame(one.content(of: Self.database), without)

    try two.drop(Self.database)
    let elsewhere = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(elsewhere, context: context, length: dump.bytes.count / 2)
    #expect(throws: PostgreSQLServer.SQLFailed.self) { try two.content(of: Self.database) }
  }

  @Test(
    "A dump whose end never reaches the client, as when this program is killed, changes nothing",
    arguments: [
      ("plain", "head -n 900 | %"), ("plain", "% </dev/null"), ("plain", "cat >/dev/null; exit 0"),
      ("custom", "head -c 40000 | %"), ("custom", "% </dev/null"), ("tar", "% </dev/null"),
      ("custom", "cat >/dev/null; exit 0"), ("tar", "exit 0"), ("directory", "exit 0"),
    ], ["auto", "in-place"])
  func cutInput(_ cut: (format: String, wrapper: String), strategy: String) throws {
    let (format, wrapper) = cut
    try prepare()
    let context = try makeContext()
    var root = try configured(entry("format: \(format)"))
    let dump = try take(root, context)
    try one.run("DELETE FROM sales.orders", in: Self.database)
    let before = try one.content(of: Self.database)
    // Only the restoring call reads its input; the checks before it must go through.
    let program = format == "plain" ? "psql" : "pg_restore"
    let command = wrapper.replacingOccurrences(of: "%", with: "\(program) \"$@\"")
    let standIn = try standIn("case \"$*\" in *--command*|*--version*) exec \(program) \"$@\";; esac; \(command)")
    root = try configured(
      entry("format: \(format)", "\(program)_command: \(standIn)", "restore_strategy: \(strategy)"))
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    try expectSame(one.content(of: Self.database), before)
  }

  @Test("A client that answers nothing, at whatever question, is told with the database that was to be restored")
  func silent() throws {
    try prepare()
    let context = try makeContext()
    let dump = try take(try configured(entry()), context)
    let before = try one.content(of: Self.database)
    for number in 1...12 {
      let counter = NSTemporaryDirectory() + "coffer-questions-\(UInt32.random(in: 0 ... .max))"
      defer { unlink(counter) }
      let standIn = try standIn(
        """
        case "$*" in *--version*) exec psql "$@";; esac
        echo >>\(counter); [ $(wc -l <\(counter)) -eq \(number) ] && exit 0; exec psql "$@"
        """)
      let root = try configured(entry("psql_command: \(standIn)"))
      do {
        let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
        _ = try dump.restore(plan, context: context)
      } catch {
        let diagnosis = try #require((error as? any DiagnosableError)?.diagnosis, "\(number): \(error)")
        #expect(diagnosis.subject.contains(Self.database), "\(number): \(diagnosis)")
      }
      try expectSame(one.content(of: Self.database), before)
    }
  }

  @Test(
    "A program that fails behind its commit does not have the old database told that is gone",
    arguments: ["custom", "plain"], ["% \"$@\"; exit 1", "% \"$@\" </dev/null; exit 1"])
  func committed(format: String, wrapper: String) throws {
    try prepare()
    let context = try makeContext()
    let dump = try take(try configured(entry("format: \(format)")), context)
    let new = try one.content(of: Self.database)
    try one.run("DELETE FROM sales.orders", in: Self.database)
    let before = try one.content(of: Self.database)
    let program = format == "plain" ? "psql" : "pg_restore"
    let command = wrapper.replacingOccurrences(of: "%", with: program)
    let standIn = try standIn("case \"$*\" in *--command*|*--version*) exec \(program) \"$@\";; esac; \(command)")
    let root = try configured(
      entry("format: \(format)", "\(program)_command: \(standIn)", "restore_strategy: in-place"))
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    let problem = try #require(error?.diagnosis.problem)
    let isCommitted = !wrapper.contains("/dev/null")
    #expect(problem.contains("as it was") != isCommitted, "\(problem)")
    #expect(problem.contains("the new content is there all the same") == isCommitted, "\(problem)")
    try expectSame(one.content(of: Self.database), isCommitted ? new : before)
  }

  @Test(
    "A connection that is lost as the server is asked what it holds is told, and no reason to restore in place",
    arguments: ["json_build_object('version'", "pg_prepared_xacts"],
    ["server closed the connection unexpectedly", "connection to server at \"h\" failed: Connection reset by peer"])
  func lostSurvey(question: String, words: String) throws {
    try prepare()
    let context = try makeContext()
    let dump = try take(try configured(entry()), context)
    let standIn = try standIn(
      """
      case "$*" in *"\(question)"*) echo 'psql: error: \(words)' >&2; exit 2;; esac
      exec psql "$@"
      """)
    let root = try configured(entry("psql_command: \(standIn)"))
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    }
    #expect("\(try #require(error))".contains(words), "\(String(describing: error))")
  }

  @Test("A server that refuses is none that is lost, also where another address of its host leads nowhere")
  func lostOrRefused() {
    let (none, refusal) = (
      "psql: error: connection to server at \"localhost\" (::1), port 5432 failed: Connection refused",
      "connection to server at \"localhost\" (127.0.0.1), port 5432 failed: FATAL:  permission denied for database"
    )
    #expect(PostgreSQLFailure.isLost([none, "\tIs the server running on that host?"]))
    #expect(!PostgreSQLFailure.isLost([none, "\tIs the server running on that host?", refusal]))
    #expect(!PostgreSQLFailure.isLost(["could not connect to server: Connection refused", "FATAL:  no such user"]))
    #expect(PostgreSQLFailure.isLost(["could not connect to server: Connection refused"]))
    #expect(PostgreSQLFailure.isLost([none, "server closed the connection unexpectedly"]))
    #expect(!PostgreSQLFailure.isLost(["ERROR:  permission denied for view pg_prepared_xacts"]))
  }

  @Test("A connection that is lost as the server is asked how it reads money is told, and not taken for a pooler")
  func lostQuestion() throws {
    try prepare()
    let context = try makeContext()
    let dump = try take(try configured(entry()), context)
    let standIn = try standIn(
      """
      case "$*" in *1,234,567.89*) echo "server closed the connection unexpectedly" >&2; exit 2;; esac
      exec psql "$@"
      """)
    let root = try configured(entry("psql_command: \(standIn)"))
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    }
    let diagnosis = try #require(error?.diagnosis)
    #expect(
      diagnosis.problem.contains("closed the connection") && !diagnosis.problem.contains("money"), "\(diagnosis)")
  }

  @Test("A connection that is lost as the database gets its settings ends the restore, and the old database stays")
  func lostSettings() throws {
    try prepare()
    try one.run("ALTER DATABASE \(PostgreSQLServer.quotedIdentifier(Self.database)) SET statement_timeout = '1h'")
    let context = try makeContext()
    let dump = try take(try configured(entry()), context)
    try one.run("DELETE FROM sales.orders", in: Self.database)
    let before = try one.content(of: Self.database)
    let ending = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());"
    let standIn = try standIn(
      """
      case "$*" in *"--file -"*) ;; *) exec psql "$@";; esac
      sed -u 's/^ALTER DATABASE "*coffer_new_[0-9a-f]*"* SET /\(ending)&/' | psql "$@"
      """)
    let root = try configured(entry("psql_command: \(standIn)"))
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("the database is as it was") == true, "\(String(describing: error))")
    try expectSame(one.content(of: Self.database), before)
    #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
  }

  @Test("A role that is missing where a dump goes is told with what to do, and no database is left behind")
  func missingRole() throws {
    try one.run("DROP DATABASE IF EXISTS owned; DROP ROLE IF EXISTS \"only here\"; CREATE ROLE \"only here\"")
    try one.recreate("owned")
    try one.run("CREATE TABLE t(a int); ALTER TABLE t OWNER TO \"only here\"", in: "owned")
    let context = try makeContext()
    let root = try configured(one.entry("owned"))
    let dump = try take(root, context)
    try two.run("DROP DATABASE IF EXISTS owned; DROP ROLE IF EXISTS \"only here\"")
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.suggestion?.contains("no_owner: true") == true)
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname = 'owned'") == "0\n")

    let freely = try configured(one.entry("owned", "no_owner: true", "restore_options: --no-acl"))
    let again = try hook.restore(of: dump.facts, to: two.target, root: freely, context: context)
    try dump.restore(again, context: context)
    #expect(try two.run("SELECT tableowner FROM pg_tables WHERE tablename = 't'", in: "owned") == "postgres\n")
    for server in [one, two] { try server.run("DROP DATABASE owned; DROP ROLE IF EXISTS \"only here\"") }
  }

  @Test("A restore that cannot work is refused before anything is touched")
  func refused() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry())
    let dump = try take(root, context)
    var target = two.target
    target.password = "wrong"
    #expect(throws: RestoreError.self) { try hook.restore(of: dump.facts, to: target, root: root, context: context) }
    target.port = 1
    #expect(throws: RestoreError.self) { try hook.restore(of: dump.facts, to: target, root: root, context: context) }
    try two.run("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN PASSWORD 'w'")
    try two.drop(Self.database)
    target = two.target
    (target.username, target.password) = ("weak", "w")
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: dump.facts, to: target, root: root, context: context)
    }
    #expect(error?.diagnosis.suggestion?.contains("CREATEDB") == true)
    try two.run("DROP ROLE weak")
  }

  @Test("A dump that is newer than pg_restore is refused before anything is touched")
  func newerDump() throws {
    let identity = DumpIdentity(hook: hook.name, database: "nothing", hostname: one.hostname, port: one.port)
    let facts = DumpFacts(identity: identity, format: "custom", clientVersion: "pg_dump (PostgreSQL) 99.1")
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: facts, to: one.target, root: nil, context: makeContext())
    }
    #expect(error?.diagnosis.suggestion?.contains("postgresql-client-99") == true)
  }

  @Test("What a dump cannot give is refused with what to do: a schema of a plain dump, a name for a whole server")
  func impossible() throws {
    let context = try makeContext()
    func refusal(_ database: String, format: String, _ target: RestoreTarget) -> Diagnosis? {
      let facts = DumpFacts(
        identity: DumpIdentity(hook: hook.name, database: database, hostname: one.hostname, port: one.port),
        format: format)
      return #expect(throws: RestoreError.self) {
        try hook.restore(of: facts, to: target, root: nil, context: context)
      }?.diagnosis
    }
    let schema = refusal("users", format: "plain", RestoreTarget(schemas: ["a"]))
    #expect(schema?.suggestion?.contains("--target-name") == true)
    let name = refusal("all", format: "plain", RestoreTarget(databaseName: "x"))
    #expect(name?.suggestion?.contains("name: all") == true)
  }

  @Test("A restore that is cancelled removes what it made", arguments: ["custom", "tar", "plain", "all"])
  func cancelled(format: String) throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(format == "all" ? one.entry("all") : entry("format: \(format)"))
    let dump = try take(root, context)
    try two.drop(Self.database)
    let cancellation = try Cancellation()
    let cancelled = try makeContext(cancellation: cancellation)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: cancelled)
    let running = try plan.start(folder: nil, context: cancelled)
    try dump.bytes[..<(dump.bytes.count * 3 / 4)].withUnsafeBytes { try running.write($0) }
    cancellation.cancel()
    #expect(throws: RunCancelled.self) { _ = try running.finish() }
    running.abandon()
    let left = "SELECT datname FROM pg_database WHERE datname LIKE 'coffer%' OR datname LIKE 'a shop%'"
    #expect(try two.run(left) == "")
  }
}
