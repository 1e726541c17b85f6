import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL roles and tablespaces", .serialized)
struct PostgreSQLGlobalsTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
    for server in [one, two] {
      try server.run(
        #"DROP ROLE IF EXISTS "new one", member, changed, globals_reader, modest; DROP TABLESPACE IF EXISTS far"#)
    }
  }

  /// Everything about the roles of this suite, passwords included.
  private func roles(_ server: PostgreSQLServer) throws -> String {
    try server.run(
      """
      SELECT rolname, rolsuper, rolcreatedb, rolcanlogin, rolconnlimit, rolpassword,
      shobj_description(oid, 'pg_authid'), (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid),
      array(SELECT roleid::regrole || ' ' || admin_option FROM pg_auth_members m WHERE member = a.oid ORDER BY 1)
      FROM pg_authid a WHERE rolname IN ('new one', 'member', 'changed') ORDER BY rolname
      """)
  }

  private func makeRoles() throws {
    try one.run(
      #"""
      CREATE ROLE "new one" LOGIN CREATEDB CONNECTION LIMIT 3 PASSWORD 'it''s'; CREATE ROLE changed LOGIN PASSWORD 'x';
      CREATE ROLE member; GRANT changed TO member WITH ADMIN OPTION; GRANT member TO "new one";
      ALTER ROLE changed SET search_path = "$user", 'a b'; ALTER ROLE "new one" SET work_mem = '5MB';
      COMMENT ON ROLE member IS E'one\nCREATE ROLE boss;\n-- Database "x" dump\n"''';
      """#)
  }

  private typealias Taken = (dump: TakenDump, root: ConfigurationSection, context: HookContext)

  private func globals() throws -> Taken {
    let context = try makeContext()
    let root = try configured(one.entry("postgres"))
    return (try take(root, context, globals: true), root, context)
  }

  @Test("Roles come back with passwords, settings, memberships and comments, made or altered, also a second time")
  func roundTrip() throws {
    try makeRoles()
    let (dump, root, context) = try globals()
    #expect(dump.facts.format == "globals" && dump.facts.identity.database == "globals")
    try two.run("CREATE ROLE changed NOLOGIN CREATEDB CONNECTION LIMIT 9 PASSWORD 'y'")
    for _ in 1...2 {
      let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      #expect(try dump.restore(plan, context: context) == [])
      try expectSame(roles(two), roles(one))
    }
    #expect(try two.run("SELECT count(*) FROM pg_roles WHERE rolname = 'boss'") == "0\n")
  }

  @Test(
    "A server that is away as dumps are planned is asked again for its roles, and no archive is without them in silence",
    arguments: [[], ["globals: true"]])
  func awayMeanwhile(options: [String]) throws {
    try makeRoles()
    let context = try makeContext()
    let counter = NSTemporaryDirectory() + "coffer-away-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(counter) }
    func root(away: Int) throws -> ConfigurationSection {
      unlink(counter)
      let psql = try standIn(
        """
        case "$*" in *--version*) exec psql "$@";; esac
        echo >>\(counter); [ $(wc -l <\(counter)) -gt \(away) ] && exec psql "$@"
        echo 'psql: error: connection to server failed: server closed the connection unexpectedly' >&2; exit 2
        """)
      return try configured(one.entry("postgres", "psql_command: \(psql)", options.joined(separator: ", ")))
    }
    let dump = try take(root(away: 2), context, globals: true)
    #expect(dump.facts.identity.isGlobals && dump.facts.details["passwords"] == nil)
    let dumps = try hook.dumps(of: root(away: 99), context: context)
    let globals = try #require(dumps.first { $0.identity.isGlobals })
    let error = #expect(throws: DumpError.self) { _ = try globals.start(context: context) }
    #expect("\(try #require(error))".contains("server closed the connection"), "\(String(describing: error))")
  }

  @Test(
    "What every session of a server begins with comes back, which no dump of a server has", arguments: [true, false])
  func settingsOfAll(isWhole: Bool) throws {
    try one.run(
      #"""
      ALTER ROLE ALL SET work_mem = '7MB'; ALTER ROLE ALL SET search_path = "$user", 'a b';
      ALTER ROLE ALL SET my.word = E'it''s\n';
      """#)
    defer {
      for server in [one, two] { _ = try? server.run("ALTER ROLE ALL RESET ALL") }
    }
    let context = try makeContext()
    let root = try configured(one.entry(isWhole ? "all" : "postgres"))
    let dump = try take(root, context, globals: !isWhole)
    let question = "SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0"
    let expected = try one.run(question)
    #expect(expected.contains("7MB"))
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(two.run(question), expected)
  }

  @Test(
    "A server that is lost before it has the settings of all sessions is no restored one, and what has its place keeps it",
    arguments: [true, false])
  func lostSettingsOfAll(isWhole: Bool) throws {
    try makeRoles()
    try one.run("ALTER ROLE ALL SET work_mem = '7MB'")
    defer {
      for server in [one, two] { _ = try? server.run("ALTER ROLE ALL RESET ALL; DROP DATABASE IF EXISTS kept") }
    }
    try one.recreate("kept")
    try two.recreate("kept")
    try one.run("CREATE TABLE here AS SELECT 1 AS i", in: "kept")
    let context = try makeContext()
    let ending = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());"
    let standIn = try standIn(
      """
      case "$*" in *"--file -"*) ;; *) exec psql "$@";; esac
      sed -u 's/^ALTER ROLE ALL SET /\(ending)&/' | psql "$@"
      """)
    let root = try configured(one.entry(isWhole ? "all" : "postgres", "psql_command: \(standIn)"))
    let dump = try take(root, context, globals: !isWhole)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let running = try plan.start(folder: nil, before: [], context: context)
    try dump.bytes.withUnsafeBytes { try running.write($0) }
    #expect(try running.endPass() == false)
    let error = #expect(throws: RestoreError.self) { try running.finish() }
    running.abandon()
    guard case .endedInPart(_, let problem, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problem.contains("in place") && problem.contains("terminating connection"), "\(problem)")
    try expectSame(roles(two), roles(one))
    if isWhole { #expect(try two.run("SELECT i FROM here", in: "kept") == "1\n") }
  }

  @Test("Who is no superuser but may create roles restores those that are none either")
  func modestly() throws {
    try makeRoles()
    let (dump, root, context) = try globals()
    try two.run("CREATE ROLE modest CREATEROLE CREATEDB LOGIN PASSWORD 'm'")
    var target = two.target
    (target.username, target.password) = ("modest", "m")
    // Of the dump's own superuser nothing is left to say when it is the one that restores; here it is not.
    let bytes = String(decoding: dump.bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.contains("ROLE postgres") }.joined(separator: "\n")
    let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    #expect(try TakenDump(facts: dump.facts, bytes: Array(bytes.utf8)).restore(plan, context: context) == [])
    try expectSame(roles(two), roles(one))

    let whole = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(whole?.diagnosis.problem.contains("superuser") == true)
    try expectSame(roles(two), roles(one))
  }

  @Test("A restore of roles that fails, or is given up, makes none and changes none")
  func failing() throws {
    try makeRoles()
    let (dump, root, context) = try globals()
    // The other way round, so that the dump's membership would close a circle.
    try two.run("CREATE ROLE changed CREATEDB; CREATE ROLE member; GRANT member TO changed")
    let before = try roles(two)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("as it was") == true)
    try expectSame(roles(two), before)
    try dump.restore(plan, context: context, length: dump.bytes.count - 10)
    try expectSame(roles(two), before)
  }

  @Test("A tablespace is made where its folder is; where it cannot be made, that is told and the rest comes back")
  func tablespaces() throws {
    let folder = "\(NSTemporaryDirectory())/coffer-far-\(UInt32.random(in: 0 ... .max))"
    try one.run("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; mkdir -p -m 700 \(folder)'")
    defer { _ = try? one.run("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm -r \(folder)'") }
    try makeRoles()
    try one.run("CREATE TABLESPACE far OWNER \"new one\" LOCATION '\(folder)'")
    try one.run("GRANT CREATE ON TABLESPACE far TO member; ALTER TABLESPACE far SET (seq_page_cost = 2)")
    let (dump, root, context) = try globals()
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let question = "SELECT pg_get_userbyid(spcowner), spcacl, spcoptions FROM pg_tablespace WHERE spcname = 'far'"
    let facts = try one.run(question)

    // Two servers of one version cannot share a folder.
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.count == 1 && warnings[0].contains("'far'") && warnings[0].contains("in use"), "\(warnings)")
    try expectSame(roles(two), roles(one))
    try one.run("DROP TABLESPACE far")
    #expect(try dump.restore(plan, context: context) == [])
    #expect(try two.run(question) == facts)
    try two.run(#"DROP TABLESPACE far; DROP ROLE "new one", member, changed"#)

    // When the restore fails after all, the tablespace goes again.
    try two.run("CREATE ROLE changed; CREATE ROLE member; GRANT member TO changed")
    #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(try two.run(question) == "")
  }

  @Test("Globals are dumped once a server, beside its databases, and not where they are in another dump or unwanted")
  func planning() throws {
    let context = try makeContext()
    func places(_ entries: String) throws -> [String] {
      try hook.dumps(of: configured(entries), context: context).map(\.identity).filter(\.isGlobals).map(\.place)
    }
    let place = "\(one.hostname):\(one.port)"
    #expect(try places(one.entry("postgres") + one.entry("template1")) == [place])
    #expect(try places(one.entry("postgres") + one.entry("postgres", "label: x")) == [place, "x"])
    #expect(try places(one.entry("all", "format: custom")) == [place])
    #expect(try places(one.entry("all")) == [])
    #expect(try places(one.entry("all") + one.entry("postgres")) == [])
    #expect(try places(one.entry("all") + one.entry("postgres", "globals: true")) == [place])
    #expect(try places(one.entry("postgres", "globals: false")) == [])
    // It may be back when the dumps begin; if it is not, this one fails as they do.
    #expect(try places("  - {name: users, hostname: 127.0.0.1, port: 1}\n") == ["127.0.0.1:1"])
    let away = "  - {name: users, hostname: 127.0.0.1, port: 1, globals: false}\n"
    #expect(try places(away) == [])
    #expect(try places(one.entry("postgres", "pg_dump_command: my-dump")) == [])
    let insisting = try configured(one.entry("postgres", "pg_dump_command: my-dump", "globals: true"))
    #expect(throws: DumpError.self) { try plan(insisting, context).start(context: context) }

    let identities = try hook.dumps(of: configured(one.entry("globals")), context: context).map(\.identity)
    #expect(Set(identities.map(\.path)).count == 2 && identities.count == 2)
  }

  @Test("Roles find their server by the entry that they were saved beside, or by any other of its entries")
  func entries() throws {
    let (dump, _, context) = try globals()
    for entries in [one.entry("postgres") + one.entry("other"), one.entry("other"), one.entry("oth*")] {
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: configured(entries), context: context)
      #expect(plan.summary.contains("\(one.hostname):\(one.port)"))
    }
    // Nothing says the password.
    #expect(throws: RestoreError.self) {
      try hook.restore(of: dump.facts, to: RestoreTarget(), root: configured(two.entry("postgres")), context: context)
    }
  }

  @Test("pg_dumpall is found beside the command that stands in for pg_dump", arguments: ["", "/usr/bin/"])
  func command(folder: String) throws {
    let context = try makeContext()
    let root = try configured(one.entry("postgres", "pg_dump_command: env A=B \(folder)pg_dump"))
    let dump = try take(root, context, globals: true)
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("CREATE ROLE postgres"))
  }

  @Test("Who may not read passwords gets the roles without, and is told when they are made")
  func withoutPasswords() throws {
    try makeRoles()
    try one.run("CREATE ROLE globals_reader LOGIN PASSWORD 'r'")
    let entry =
      "  - {name: postgres, hostname: \(one.hostname), port: \(one.port), username: globals_reader, password: r, "
    let context = try makeContext()
    let insisting = try plan(configured(entry + "globals: true}\n"), context, globals: true).start(context: context)
    #expect(try insisting.finish().warnings.contains { $0.contains("without their passwords") })
    let root = try configured(entry + "globals: auto}\n")
    let quiet = try plan(root, context, globals: true).start(context: context)
    #expect(try quiet.finish().warnings == [])
    quiet.abandon()
    let dump = try take(root, makeContext(), globals: true)
    #expect(!String(decoding: dump.bytes, as: UTF8.self).contains("SCRAM"))
    try two.run("CREATE ROLE changed PASSWORD 'kept'")
    let kept = try two.run("SELECT rolpassword FROM pg_authid WHERE rolname = 'changed'")
    let warnings = try dump.restore(
      hook.restore(of: dump.facts, to: two.target, root: root, context: context), context: context)
    #expect(warnings.count == 1 && warnings[0].contains("no passwords") && warnings[0].contains("new one"))
    #expect(try two.run("SELECT rolpassword FROM pg_authid WHERE rolname = 'changed'") == kept)
    #expect(try two.run("SELECT rolpassword FROM pg_authid WHERE rolname = 'new one'") == "\n")
  }
}
