import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL, on real servers", .serialized)
struct PostgreSQLTests {
  private let hook = PostgreSQLHook()
  private let one: PostgreSQLServer
  private let two: PostgreSQLServer
  /// A folder for programs that stand in for the real ones; goes with the test.
  private let programs: RuntimeDirectory
  private static let database = "a shop's \"db\" = x"

  init() throws {
    one = try PostgreSQLServer(1)
    two = try PostgreSQLServer(2)
    programs = try RuntimeDirectory(base: NSTemporaryDirectory())
  }

  private func configured(_ entries: String) throws -> ConfigurationSection {
    try makeRoot("postgresql_databases:\n" + entries)
  }

  private func entry(_ more: String...) -> String {
    let escaped = Self.database.replacingOccurrences(of: "\"", with: "\\\"")
    return one.entry(escaped) + more.map { "    \($0)\n" }.joined()
  }

  private func prepare() throws {
    try one.recreate(Self.database)
    try one.run(PostgreSQLServer.richSchema, in: Self.database)
  }

  @Test(
    "A rich database comes back whole in every format, on a server that has it not and on one that has it changed",
    arguments: ["custom", "plain", "tar", "directory"])
  func roundTrip(format: String) throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry("format: \(format)"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    #expect(dump.facts.format == format)
    #expect(dump.facts.serverVersion?.isEmpty == false)
    let content = try one.content(of: Self.database)

    try two.drop(Self.database)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(plan.summary.contains("created"))
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(two.content(of: Self.database), content)

    try one.run(
      "DELETE FROM sales.orders; DROP VIEW sales.totals; UPDATE sales.customer SET name = 'x'", in: Self.database)
    let back = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(back, context: context)
    try expectSame(one.content(of: Self.database), content)
  }

  @Test(
    "A restore that fails in the middle, or is given up, leaves the database exactly as it was",
    arguments: ["custom", "plain"])
  func failedRestore(format: String) throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry("format: \(format)"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
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

  /// What pg_dump and pg_restore find hard: a view in a circle, in a schema of its own, and a public schema that is not
  /// as every database is born with it.
  private static let awkwardSchema = """
    CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS a;
    CREATE FUNCTION s.f(s.v) RETURNS int LANGUAGE sql AS 'SELECT 2';
    CREATE OR REPLACE VIEW s.v AS SELECT 1 AS a, s.f(NULL::s.v) AS b;
    CREATE TABLE s.t(a int PRIMARY KEY, b text); INSERT INTO s.t VALUES (1, 'x');
    CREATE VIEW s.g AS SELECT a, b FROM s.t GROUP BY a;
    CREATE EXTENSION IF NOT EXISTS plpgsql; COMMENT ON SCHEMA public IS 'ours'; REVOKE ALL ON SCHEMA public FROM PUBLIC;
    SELECT lo_from_bytea(4711, 'x');
    """

  @Test(
    "A dump goes into a database that is missing, that was just made, and that is full, even with circles in it",
    arguments: ["custom", "plain", "tar", "directory"], [false, true])
  func destinations(format: String, recreatesPublic: Bool) throws {
    try one.recreate("awkward")
    if recreatesPublic { try one.run("DROP SCHEMA public; CREATE SCHEMA public", in: "awkward") }
    try one.run(Self.awkwardSchema, in: "awkward")
    let context = try makeContext()
    let root = try configured(one.entry("awkward", "format: \(format)"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    let content = try one.content(of: "awkward")
    for (prepare, sign) in [
      (two.drop, "created"), (two.recreate, "empty"), ({ _ in }, "replaced"),
    ] as [((String) throws -> Void, String)] {
      try prepare("awkward")
      let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      #expect(plan.summary.contains(sign))
      try dump.restore(plan, context: context)
      try expectSame(two.content(of: "awkward"), content)
    }
    try one.drop("awkward")
    try two.drop("awkward")
  }

  @Test(
    "A dump whose end never reaches the client, as when this program is killed, changes nothing",
    arguments: [
      ("plain", "head -n 900 | %"), ("plain", "% </dev/null"), ("plain", "cat >/dev/null; exit 0"),
      ("custom", "head -c 40000 | %"), ("custom", "% </dev/null"), ("tar", "% </dev/null"),
    ])
  func cutInput(format: String, wrapper: String) throws {
    try prepare()
    let context = try makeContext()
    var root = try configured(entry("format: \(format)"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    try one.run("DELETE FROM sales.orders", in: Self.database)
    let before = try one.content(of: Self.database)
    // Only the restoring call reads its input; the checks before it must go through.
    let program = format == "plain" ? "psql" : "pg_restore"
    let command = wrapper.replacingOccurrences(of: "%", with: "\(program) \"$@\"")
    let standIn = try standIn("case \"$*\" in *--command*|*--version*) exec \(program) \"$@\";; esac; \(command)")
    root = try configured(entry("format: \(format)", "\(program)_command: \(standIn)"))
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    try expectSame(one.content(of: Self.database), before)
  }

  @Test("The repository's passphrase does not reach a client program")
  func passphrases() throws {
    let program = try standIn("env | grep -c PASS; exit 1")
    let context = try makeContext(variables: ["COFFER_PASSPHRASE": "x", "BORG_PASSCOMMAND": "y", "PGPASSFILE": "z"])
    let dump = try #require(
      hook.dumps(of: configured("  - {name: users, pg_dump_command: \(program)}\n"), context: context).first)
    let running = try dump.start(context: context)
    guard case .stream(let source) = running.output else { return }
    var bytes = [UInt8](repeating: 0, count: 10)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "1\n")
    running.abandon()
  }

  @Test("A whole server comes back with its roles and all databases, and nothing changes if one of them fails")
  func wholeServer() throws {
    try prepare()
    try one.run(
      """
      DROP ROLE IF EXISTS "Coffer Tester"; CREATE ROLE "Coffer Tester" LOGIN PASSWORD 'p';
      ALTER DATABASE \(PostgreSQLServer.quotedIdentifier(Self.database)) SET work_mem = '8MB';
      COMMENT ON DATABASE \(PostgreSQLServer.quotedIdentifier(Self.database)) IS 'the shop';
      """)
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    let content = try one.content(of: Self.database)
    try two.recreate(Self.database)
    try two.run("CREATE TABLE old(a int)", in: Self.database)
    let before = try two.content(of: Self.database)

    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(plan, context: context, length: dump.bytes.count - 5000)
    try expectSame(two.content(of: Self.database), before)
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")

    try dump.restore(plan, context: context)
    try expectSame(two.content(of: Self.database), content)
    let settings =
      "SELECT shobj_description(oid, 'pg_database'), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = \(PostgreSQLServer.quotedLiteral(Self.database))"
    #expect(try two.run(settings) == "the shop|{work_mem=8MB}\n")
    #expect(try two.run("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'Coffer Tester'") == "t\n")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
    // A second time, over what is there now.
    try dump.restore(plan, context: context)
    try expectSame(two.content(of: Self.database), content)
  }

  @Test("With a format, 'all' is every database of the server, each in a dump of its own")
  func allWithFormat() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(one.entry("all", "format: custom"))
    let names = try hook.dumps(of: root, context: context).map(\.identity.database)
    #expect(names.contains(Self.database) && names.contains("postgres"))
    #expect(!names.contains("template1") && !names.contains("template0"))
  }

  @Test(
    "A custom dump ends as complete ones do, whatever is in it, and one that is cut short does not",
    arguments: ["", "--schema-only", "--data-only", "--compress=9", "--no-blobs"])
  func customEnd(options: String) throws {
    let context = try makeContext()
    for schema in ["", "SELECT lo_from_bytea(1, 'x')", "CREATE TABLE t AS SELECT generate_series(1, 3000) a"] {
      try one.recreate("ending")
      try one.run(schema, in: "ending")
      let root = try configured(one.entry("ending", "options: \(options)"))
      let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
      let whole = dump.bytes
      for length in [whole.count - 1, whole.count / 2 + 1, 100] where whole[..<length].suffix(5) != [0, 0, 0, 0, 0] {
        #expect(CustomArchive.missing(head: Array(whole.prefix(20)), tail: Array(whole[..<length])) != nil)
      }
    }
    try one.drop("ending")
  }

  @Test("What pg_dump warns of is told, although it is content")
  func warnings() throws {
    try one.recreate("circles")
    try one.run(
      """
      CREATE TABLE a(i int PRIMARY KEY, b int); CREATE TABLE b(i int PRIMARY KEY, a int REFERENCES a);
      ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b
      """, in: "circles")
    let context = try makeContext()
    let root = try configured(one.entry("circles", "options: --data-only"))
    let running = try #require(hook.dumps(of: root, context: context).first).start(context: context)
    let outcome = try running.finish()
    #expect(outcome.warnings.contains { $0.contains("circular foreign-key constraints") })
    try one.drop("circles")
  }

  @Test("The owner of a database restores it without being a superuser, there and where it is missing or just made")
  func ordinaryOwner() throws {
    for server in [one, two] {
      try server.drop("plain owner")
      try server.run("DROP ROLE IF EXISTS owner; CREATE ROLE owner LOGIN CREATEDB PASSWORD 'p'")
    }
    try one.run("CREATE DATABASE \"plain owner\" OWNER owner")
    let context = try makeContext()
    var target = two.target
    (target.username, target.password) = ("owner", "p")
    let schema = PostgreSQLServer.richSchema.replacingOccurrences(of: "CREATE RULE", with: "SELECT 1; CREATE RULE")
    try one.run("SET ROLE owner; GRANT ALL ON SCHEMA public TO owner", in: "plain owner")
    try one.run("SET ROLE owner; " + schema, in: "plain owner")
    for format in ["custom", "plain"] {
      let entry =
        "  - {name: plain owner, hostname: \(one.hostname), port: \(one.port), username: owner, password: p, format: \(format)}\n"
      let root = try configured(entry)
      let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
      let content = try one.content(of: "plain owner")
      for prepare in [
        two.drop,
        {
          try two.recreate($0); try two.run("ALTER DATABASE \"plain owner\" OWNER TO owner")
        },
      ] {
        try prepare("plain owner")
        for _ in 1...2 {
          let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
          try dump.restore(plan, context: context)
          try expectSame(two.content(of: "plain owner"), content)
        }
      }
    }
    try one.drop("plain owner")
  }

  @Test("A role that is missing where a dump goes is told with what to do, and no database is left behind")
  func missingRole() throws {
    try one.run("DROP DATABASE IF EXISTS owned; DROP ROLE IF EXISTS \"only here\"; CREATE ROLE \"only here\"")
    try one.recreate("owned")
    try one.run("CREATE TABLE t(a int); ALTER TABLE t OWNER TO \"only here\"", in: "owned")
    let context = try makeContext()
    let root = try configured(one.entry("owned"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
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

  @Test("A database that is made anew has the encoding, the locale and the owner of the old one")
  func databaseProperties() throws {
    try one.run(
      """
      DROP DATABASE IF EXISTS polyglot; CREATE DATABASE polyglot TEMPLATE template0 LOCALE_PROVIDER icu
      ICU_LOCALE 'de-AT' ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8';
      """)
    let context = try makeContext()
    let root = try configured(one.entry("polyglot"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    try two.drop("polyglot")
    try dump.restore(
      hook.restore(of: dump.facts, to: two.target, root: root, context: context), context: context)
    let properties =
      "SELECT datlocprovider, daticulocale, datcollate, datctype, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'polyglot'"
    #expect(try two.run(properties) == "i|de-AT|C|C.UTF-8|UTF8\n")
    for server in [one, two] { try server.drop("polyglot") }
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

  @Test("A dump asks for no compression: compressed dumps do not deduplicate")
  func uncompressed() throws {
    try one.recreate("compressible")
    try one.run("CREATE TABLE t AS SELECT repeat('coffer ', 100) AS a FROM generate_series(1, 500)", in: "compressible")
    let context = try makeContext()
    let root = try configured(one.entry("compressible"))
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    #expect(dump.bytes.count > 300_000)
    try one.drop("compressible")
  }

  // MARK: - Failures

  /// Takes the only dump of a configuration, which must fail.
  private func failure(_ entry: String, context: HookContext) throws -> Diagnosis {
    let dump = try #require(hook.dumps(of: try configured(entry), context: context).first)
    do {
      _ = try TakenDump(dump, context: context)
    } catch let error as any DiagnosableError {
      #expect(
        try FileManager.default.subpathsOfDirectory(atPath: context.runtime.path).allSatisfy { !$0.hasSuffix("users") })
      return error.diagnosis
    }
    Issue.record("The dump succeeded")
    return Diagnosis(subject: "", problem: "")
  }

  private func standIn(_ script: String) throws -> String {
    let path = programs.path + "/standin-\(UInt32.random(in: 0 ... .max))"
    try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o755)
    return path
  }

  @Test("A wrong password is told with the database and what to do")
  func wrongPassword() throws {
    let entry = "  - {name: users, hostname: \(one.hostname), port: \(one.port), username: postgres, password: nope}\n"
    let diagnosis = try failure(entry, context: makeContext())
    #expect(diagnosis.subject.contains("'users'"))
    #expect(diagnosis.problem.contains("password authentication failed"))
    #expect(diagnosis.suggestion?.contains("password") == true)
  }

  @Test("A server that is down is told with what to check")
  func serverDown() throws {
    let diagnosis = try failure("  - {name: users, hostname: 127.0.0.1, port: 1}\n", context: makeContext())
    #expect(diagnosis.problem.contains("Connection refused"))
    #expect(diagnosis.suggestion?.contains("server runs") == true)
  }

  @Test("A missing pg_dump is told with the package that has it")
  func missingProgram() throws {
    let diagnosis = try failure("  - {name: users}\n", context: makeContext(path: "/nowhere"))
    #expect(diagnosis.subject == "pg_dump")
    #expect(diagnosis.suggestion?.contains("postgresql-client") == true)
  }

  @Test("A dump program that dies in the middle is told with its signal")
  func killed() throws {
    let program = try standIn("head -c 300000 /dev/zero; kill -9 $$")
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: makeContext())
    #expect(diagnosis.problem.contains("killed by signal 9"))
  }

  @Test("A dump program that dies before it writes anything does not block the run")
  func diesAtOnce() throws {
    let program = try standIn("echo 'no such thing' >&2; exit 3")
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: makeContext())
    #expect(diagnosis.problem.contains("exit status 3: no such thing"))
  }

  @Test("A dump that hangs is ended after the stall limit, with everything it started")
  func stalls() throws {
    let program = try standIn("printf PGDMP; sleep 987654 & sleep 987654")
    let context = try makeContext(limits: DumpLimits(stall: 0.5))
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: context)
    #expect(diagnosis.subject.contains("'users'"))
    #expect(diagnosis.problem.contains("wrote nothing for"))
    let processes = try SystemProcessLauncher().run(
      ChildCommand("ps", ["-e", "-o", "args="], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(!processes.text.contains("sleep 987654"))
  }

  @Test("A dump into a folder is ended too when it hangs or takes too long, and leaves nothing")
  func folderLimits() throws {
    let writing = "for a; do case $a in */users) mkdir $a; n=$a;; esac; done;"
    for (script, limits, sign) in [
      ("\(writing) echo x >$n/1; sleep 987652", DumpLimits(stall: 0.4), "wrote nothing for"),
      ("\(writing) while true; do echo x >>$n/1; sleep 0.05; done", DumpLimits(stall: 5, total: 0.6), "took more than"),
      ("\(writing) echo x >$n/1; kill -9 $$", DumpLimits(), "killed by signal 9"),
      ("\(writing) echo x >$n/toc.dat", DumpLimits(), "table of contents"),
    ] {
      let entry = "  - {name: users, format: directory, pg_dump_command: \(try standIn(script))}\n"
      #expect(try failure(entry, context: makeContext(limits: limits)).problem.contains(sign))
    }
  }

  @Test("A dump that takes too long is ended even while it writes")
  func tooLong() throws {
    let program = try standIn("while true; do printf PGDMP; sleep 0.05; done")
    let context = try makeContext(limits: DumpLimits(stall: 60, total: 0.5))
    let diagnosis = try failure("  - {name: users, pg_dump_command: \(program)}\n", context: context)
    #expect(diagnosis.problem.contains("took more than"))
  }

  @Test(
    "An empty dump, and one without its marks, are failures although the program is content",
    arguments: [
      ("exit 0", "custom", "wrote nothing"), ("echo text", "custom", "PGDMP"), ("echo '-- half'", "plain", "complete"),
      ("echo x", "tar", "empty blocks"),
    ])
  func incomplete(script: String, format: String, sign: String) throws {
    let entry = "  - {name: users, format: \(format), pg_dump_command: \(try standIn(script))}\n"
    #expect(try failure(entry, context: makeContext()).problem.contains(sign))
  }

  @Test("A cancelled run ends the dump")
  func cancelled() throws {
    let cancellation = try Cancellation()
    let context = try makeContext(cancellation: cancellation)
    let root = try configured("  - {name: users, pg_dump_command: \(try standIn("sleep 987653"))}\n")
    let dump = try #require(hook.dumps(of: root, context: context).first)
    let canceller = WorkerThread(name: "canceller") {
      usleep(200_000)
      cancellation.cancel()
    }
    #expect(throws: RunCancelled()) { try TakenDump(dump, context: context) }
    canceller.join()
  }

  @Test("No password is in any command line while a dump and a restore run")
  func secrecy() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry())
    let isDone = Monitor(false)
    let seen = Monitor<Set<String>>([])
    let (first, second) = (one.password, two.password)
    let watcher = WorkerThread(name: "watcher") {
      while !isDone.update({ $0 }) {
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int(entry) != nil {
          guard let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else { continue }
          let text = String(decoding: data, as: UTF8.self)
          if text.contains(first) || text.contains(second) { seen.update { _ = $0.insert(text) } }
        }
        usleep(2000)
      }
    }
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    try two.drop(Self.database)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(plan, context: context)
    isDone.update { $0 = true }
    watcher.join()
    #expect(seen.update { $0 }.isEmpty)
  }

  @Test("A restore that cannot work is refused before anything is touched")
  func refused() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry())
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
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
  }
}
