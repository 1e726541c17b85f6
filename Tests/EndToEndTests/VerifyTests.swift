import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Dumps are shown to restore", .serialized)
struct VerifyTests {
  private let ground: Playground
  private let server: PostgreSQLServer
  private let drills: String
  private let counting = "count_percentage: 1000"

  init() throws {
    ground = try Playground()
    server = try PostgreSQLServer(1)
    // Sockets' paths are short.
    drills = "/tmp/coffer-drills-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: drills, withIntermediateDirectories: true)
  }

  private func configure(_ databases: String) throws {
    try ground.configure("verify_directory: \(drills)\nuser_state_directory: \(ground.folder)/state\n" + databases)
    if !FileManager.default.fileExists(atPath: ground.repository) {
      #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    }
  }

  private func create() throws {
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
  }

  /// Those of databases, and not of what a server's databases have in common.
  private func proofs(_ run: Playground.Outcome) throws -> [[String: Any]] {
    try #require(run.json.first?["proofs"] as? [[String: Any]]).filter { $0["accounts"] is NSNull }
  }

  /// Whether the system lets programs be parted from the rest of this machine like that.
  private func unshares(_ arguments: [String]) -> Bool {
    let own = geteuid() == 0 ? [] : ["--user", "--map-current-user"]
    let command = ChildCommand(
      "unshare", own + arguments + ["--", "true"], environment: ProcessEnvironment(ground.environment))
    return (try? SystemProcessLauncher().run(command).status.isSuccess) ?? false
  }

  private func left() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: drills) }

  private func fill(_ name: String) throws {
    try server.recreate(name)
    try server.run(
      """
      CREATE TABLE a(x int PRIMARY KEY, t text); INSERT INTO a SELECT i, 'row ' || i FROM generate_series(1, 10) i;
      CREATE TABLE b(y int REFERENCES a); INSERT INTO b VALUES (1), (2); CREATE INDEX ON b (y);
      CREATE SEQUENCE s; SELECT nextval('s'), nextval('s');
      CREATE INDEX invalid ON b (y);
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid'::regclass;
      """, in: name)
  }

  @Test(
    "A whole dump of any format is proven by a server that is gone afterwards, and that is remembered",
    arguments: ["custom", "plain", "directory"])
  func whole(format: String) throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify \(format)"
    try server.recreate(name)
    try server.run(PostgreSQLServer.richSchema, in: name)
    defer { try? server.drop(name) }
    let questions = "verify_queries: [{database: 'verify*', query: 'SELECT 6 * 7, NULL', expect: '42|'}]"
    try configure(
      "verify_within: 1 day\n\(questions)\npostgresql_databases:\n"
        + server.entry(name, "format: \(format)", counting))
    try create()
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    let proof = try #require(try proofs(run).first)
    #expect(proof["proven"] as? Bool == true && proof["compared"] as? Bool == true, "\(proof)")
    // Two partitions, customers, and the table with quotes.
    #expect(proof["tables"] as? Int == 4 && proof["rows"] as? Int == 2503, "\(proof)")
    #expect(try left().isEmpty)
    #expect(ground.leftovers().isEmpty)
    let info = try ground.coffer("info", "--archive", "latest")
    #expect(info.output.contains("Proven:") && info.output.contains("verify \(format)"), "\(info.output)")
    // What belongs to the whole server is proven, too.
    let findings = try ground.coffer("doctor").output.split(separator: "\n")
    let proven = findings.filter { $0.dropFirst(8).hasPrefix("proof: ") }
    #expect(proven.count == 2 && proven.allSatisfy { $0.hasPrefix("ok ") }, "\(proven)")
    let status = try ground.coffer("status").output.split(separator: "\n")
    let globals = status.first { $0.contains("globals") }
    #expect(globals?.contains(" ago, restored in ") == true && globals?.hasSuffix(" ok") == true, "\(status)")
  }

  @Test("A dump of a whole server is proven, never on the server of verify_hostname, and its rows are listed")
  func wholeServer() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let two = try PostgreSQLServer(2)
    try fill("verify_in_all")
    defer { try? server.drop("verify_in_all") }
    let questions = "verify_queries: [{database: 'verify_in*', query: 'SELECT count(*) FROM a', expect: '10'}]"
    try configure(
      "\(questions)\nverify_within: 1 day\npostgresql_databases:\n"
        + server.entry("all", "verify_hostname: \(two.hostname)", "verify_port: \(two.port)"))
    try create()
    let content = try #require(try content().first)
    let tables = try #require(content["tables"] as? [[String: Any]])
    let rows = tables.map { "\($0["name"] as? String ?? "") \(($0["rows"] as? Int).map(String.init) ?? "-")" }
    #expect(rows.contains("verify_in_all.public.a 10") && rows.contains("verify_in_all.public.b 2"), "\(rows)")
    #expect((content["accounts"] as? [String])?.contains(server.username) == true, "\(content)")
    let before = try two.run("SELECT datname FROM pg_database ORDER BY 1; SELECT rolname FROM pg_roles ORDER BY 1")
    let planned = try ground.coffer("verify", "--dry-run")
    #expect(planned.output.contains("to a throw-away place"), "\(planned.output)")
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0) && run.errors.contains("and not on \(two.hostname)"), "\(run.errors)")
    #expect(!run.errors.contains("never proven"), "\(run.errors)")
    let proof = try #require((run.json.first?["proofs"] as? [[String: Any]])?.first)
    #expect(proof["proven"] as? Bool == true && proof["compared"] as? Bool == true, "\(proof)")
    #expect(proof["queries"] as? Int == 1 && (proof["accounts"] as? Int ?? 0) > 0, "\(proof)")
    #expect((proof["rows"] as? Int ?? 0) >= 12, "\(proof)")
    #expect(
      try two.run("SELECT datname FROM pg_database ORDER BY 1; SELECT rolname FROM pg_roles ORDER BY 1") == before)
    #expect(try left().isEmpty)
    try configure(
      "verify_queries: [{database: 'verify_in*', query: 'SELECT count(*) FROM a', expect: '11'}]\npostgresql_databases:\n"
        + server.entry("all"))
    let wrong = try ground.coffer("verify")
    #expect(
      wrong.status == .exited(1) && wrong.errors.contains("in 'verify_in_all' 'SELECT count(*) FROM a'"),
      "\(wrong.errors)")
    #expect(try left().isEmpty)
  }

  @Test("A dump without a table, and one without a row, are not proven, and the table is named")
  func damaged() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    try fill("verify_damaged")
    defer { try? server.drop("verify_damaged") }
    try ground.write("dump", "#!/bin/sh\nexec pg_dump --exclude-table=public.b \"$@\"\n")
    try ground.run("chmod", "755", "dump")
    let entry = "pg_dump_command: \(ground.folder)/dump"
    try configure("postgresql_databases:\n" + server.entry("verify_damaged", entry, counting))
    try create()
    let table = try ground.coffer("verify")
    #expect(table.status == .exited(1), "\(table.errors)")
    #expect(table.errors.contains("table public.b is missing"), "\(table.errors)")
    try ground.write("dump", "#!/bin/sh\npg_dump \"$@\" | grep -v -P '^7\\trow 7$'\n")
    try ground.run("chmod", "755", "dump")
    try configure("postgresql_databases:\n" + server.entry("verify_damaged", entry, "format: plain", counting))
    try create()
    let row = try ground.coffer("verify", "--json")
    #expect(row.status == .exited(1))
    #expect(
      row.errors.contains("table public.a has 9 rows, and had 10 when it was dumped"), "\(row.errors)")
    #expect(!row.errors.contains("public.b"), "\(row.errors)")
    #expect(try proofs(row).first?["proven"] as? Bool == false)
    #expect(try left().isEmpty)
    // The newest dumps fail; nothing says that anything was proven.
    #expect(try !ground.coffer("info", "--archive", "latest").output.contains("Proven:"))
  }

  /// A pg_dump of the user's own.
  private func writeDump(_ script: String) throws -> String {
    let psql = "psql -X -q -h \(server.hostname) -p \(server.port) -U \(server.username)"
    try ground.write(
      "dump", "#!/bin/sh\nask() { PGPASSWORD='\(server.password)' \(psql) -d \"$1\" -c \"$2\" >&2; }\n" + script)
    try ground.run("chmod", "755", "dump")
    return "pg_dump_command: \(ground.folder)/dump"
  }

  private func content() throws -> [[String: Any]] {
    let archive = try ground.coffer("list", "--archive", "latest", "--json").json.first
    let items = try #require(archive?["items"] as? [[String: Any]])
    return items.compactMap { ($0["dump"] as? [String: Any])?["content"] as? [String: Any] }
  }

  @Test("Counting holds up nobody who alters tables while a dump is made, and reads no view in a table's place")
  func altered() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify_altered"
    try fill(name)
    defer { try? server.drop(name) }
    let note = "/tmp/coffer-census-\(UUID().uuidString)"
    defer { unlink(note) }
    try server.run(
      """
      CREATE TABLE c AS SELECT 1 AS x; CREATE TABLE d AS SELECT 1 AS x;
      CREATE FUNCTION evil() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
      COPY (SELECT 1) TO PROGRAM 'touch \(note)'; RETURN true; END $$;
      """, in: name)
    let dump = try writeDump(
      """
      case "$*" in *--dbname*) ;; *) exec pg_dump "$@";; esac
      ask \(name) 'ALTER TABLE a ADD COLUMN z int' || exit 3
      pg_dump "$@" || exit
      ask \(name) 'DROP TABLE b, d; CREATE VIEW b AS SELECT 1 AS y WHERE evil()'
      """)
    try configure("postgresql_databases:\n" + server.entry(name, dump, counting))
    try create()
    let content = try #require(try content().first)
    let tables = try #require(content["tables"] as? [[String: Any]])
    let rows = tables.map { "\($0["name"] as? String ?? "") \(($0["rows"] as? Int).map(String.init) ?? "-")" }
    #expect(rows.sorted() == ["public.a 10", "public.b -", "public.c 1", "public.d -"], "\(content)")
    #expect(!FileManager.default.fileExists(atPath: note))
  }

  @Test("A dump is restored to a server that the configuration names, and gone from it")
  func elsewhere() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let two = try PostgreSQLServer(2)
    try fill("verify_elsewhere")
    defer { try? server.drop("verify_elsewhere") }
    let there = [
      "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: \(two.username)",
      "verify_password: \(two.password)",
    ].joined(separator: "\n    ")
    let questions = "verify_queries: [{database: 'verify*', query: 'SELECT max(x) FROM a', expect: '10'}]"
    try configure("\(questions)\npostgresql_databases:\n" + server.entry("verify_elsewhere", counting, there))
    try create()
    let planned = try ground.coffer("verify", "--dry-run")
    #expect(planned.output.contains("to a database of its own on \(two.hostname)"), "\(planned.output)")
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0) && run.errors.contains("Owners and rights were left out"), "\(run.errors)")
    let user = "the user '\(two.username)' at \(two.hostname):\(two.port): It is a superuser"
    #expect(run.errors.contains(user), "\(run.errors)")
    let doctor = try ground.coffer("doctor")
    #expect(doctor.output.contains("advice  verify: \(user)"), "\(doctor.output)")
    let proof = try #require(try proofs(run).first)
    #expect(
      proof["proven"] as? Bool == true && proof["rows"] as? Int == 12 && proof["queries"] as? Int == 1, "\(proof)")
    #expect((proof["server"] as? String)?.contains(two.hostname) == true, "\(proof)")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
    #expect(try left().isEmpty)
  }

  @Test(
    "A dump as which began a table was emptied is taken again, and fails when that happens again",
    arguments: ["custom", "directory"])
  func overtaken(format: String) throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify_overtaken"
    try server.recreate(name)
    defer { try? server.drop(name) }
    try server.run("CREATE TABLE c AS SELECT 1 AS x; CREATE TABLE d AS SELECT generate_series(1, 100) AS x", in: name)
    let (once, often) = ("\(ground.folder)/once", "\(ground.folder)/often")
    let dump = try writeDump(
      """
      case "$*" in *--snapshot*) ;; *) exec pg_dump "$@";; esac
      if [ -e \(often) ] || [ ! -e \(once) ]; then
        ask \(name) 'VACUUM FULL d'
        ask \(name) 'TRUNCATE c; INSERT INTO c VALUES (1), (2)'
      fi
      touch \(once)
      exec pg_dump "$@"
      """)
    try configure("postgresql_databases:\n" + server.entry(name, "format: \(format)", dump, counting))
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0) && run.errors.contains("The dump lacks rows"), "\(run.errors)")
    #expect(run.errors.contains("public.c") && !run.errors.contains("public.d"), "\(run.errors)")
    let tables = try #require(try content().first?["tables"] as? [[String: Any]])
    #expect(tables.map { $0["rows"] as? Int }.sorted { ($0 ?? 0) < ($1 ?? 0) } == [2, 100], "\(tables)")
    #expect(try ground.coffer("verify").status == .exited(0))
    try ground.write("often", "")
    let failed = try ground.coffer("create")
    #expect(failed.status == .exited(1) && failed.errors.contains("emptied or rewritten"), "\(failed.errors)")
  }

  @Test(
    "A dump that fails beside counting is made without, and its roles are made all the same",
    arguments: ["custom", "directory"])
  func uncounted(format: String) throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify_uncounted"
    try fill(name)
    defer { try? server.drop(name) }
    try server.run("DROP ROLE IF EXISTS verify_owner; CREATE ROLE verify_owner")
    try server.run("ALTER TABLE a OWNER TO verify_owner", in: name)
    let dump = try writeDump("case \"$*\" in *--snapshot*) exit 1;; esac\nexec pg_dump \"$@\"\n")
    try configure("postgresql_databases:\n" + server.entry(name, "format: \(format)", dump, counting))
    try create()
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    let proof = try #require(try proofs(run).first)
    #expect(proof["proven"] as? Bool == true && proof["compared"] as? Bool == false, "\(proof)")
    #expect(run.errors.contains("failed while something was to be counted beside it"), "\(run.errors)")
    try server.run("DROP TABLE a, b", in: name)
    try server.run("DROP ROLE verify_owner")
  }

  @Test("Names of any kind are counted, and roles of any name made")
  func names() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify \"names\" ' \u{e9}"
    let role = "verify '\u{301} \"owner\" \\"
    try server.recreate(name)
    defer { try? server.drop(name) }
    let (owner, schema) = (
      PostgreSQLServer.quotedIdentifier(role), PostgreSQLServer.quotedIdentifier("a.b \\echo\n\"x")
    )
    try server.run("DROP ROLE IF EXISTS \(owner); CREATE ROLE \(owner)")
    try server.run(
      """
      CREATE SCHEMA \(schema) AUTHORIZATION \(owner); CREATE TABLE \(schema)."c;'\u{301}" (a int);
      ALTER TABLE \(schema)."c;'\u{301}" OWNER TO \(owner); INSERT INTO \(schema)."c;'\u{301}" VALUES (1), (2);
      """, in: name)
    try ground.write(
      "config.yaml",
      "verify_directory: \(drills)\nuser_state_directory: \(ground.folder)/state\nrepositories:\n  - path: "
        + "\(ground.repository)\npostgresql_databases:\n"
        + server.entry("verify *names*", "format: custom", "globals: false", counting))
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    try create()
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    let proof = try #require(try proofs(run).first)
    #expect(proof["rows"] as? Int == 2 && proof["compared"] as? Bool == true, "\(proof)")
    try server.drop(name)
    try server.run("DROP ROLE \(owner)")
  }

  @Test("What is restored runs as nobody of importance, in a cluster of its own, whatever the environment says")
  func unprivileged() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    try fill("verify_hostile")
    defer { try? server.drop("verify_hostile") }
    let note = "/tmp/coffer-drill-\(UUID().uuidString)"
    defer { unlink(note) }
    let isParted = unshares(["--net", "--ipc", "--pid", "--fork", "--kill-child"])
    // The index's function runs while the index is made.
    try server.run(
      """
      CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('unix_socket_directories') LIKE '\(drills)%' THEN
      EXECUTE 'COPY (SELECT 1) TO PROGRAM ''id -un >\(note);
      setsid sh -c "sleep 60; exit" \(note) >/dev/null 2>&1 &''';
      END IF; END $$;
      CREATE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
      PERFORM public.g(); RETURN $1; END $$;
      CREATE INDEX hostile ON a (f(x));
      """, in: "verify_hostile")
    try configure("postgresql_databases:\n" + server.entry("verify_hostile"))
    try create()
    let before = try server.content(of: "verify_hostile")
    ground.environment.merge(["PGHOSTADDR": server.hostname, "PGPORT": "1", "PGOPTIONS": "-c nonsense=1"]) { $1 }
    let run = try ground.coffer("verify")
    #expect(run.status == .exited(0), "\(run.errors)")
    let user = try String(contentsOfFile: note, encoding: .utf8)
    #expect(user == (geteuid() == 0 ? "nobody\n" : try ground.run("id", "-un")))
    // What it has started is gone with it.
    for _ in 0..<100 where isParted && !ProcessWatch.look(for: note).isEmpty { usleep(50_000) }
    let remaining = ProcessWatch.look(for: note)
    #expect(remaining.isEmpty == isParted, "\(remaining)")
    #expect(try server.content(of: "verify_hostile") == before)
    #expect(try left().isEmpty)
  }

  @Test("What a killed drill leaves, the next one removes, and its server is gone")
  func killed() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    try fill("verify_killed")
    defer { try? server.drop("verify_killed") }
    try configure("postgresql_databases:\n" + server.entry("verify_killed"))
    try create()
    let drill = try ground.start("verify")
    var cluster: String?
    for _ in 0..<1200 where cluster == nil {
      usleep(50_000)
      cluster = try left().map { "\(drills)/\($0)/cluster" }.first {
        FileManager.default.fileExists(atPath: $0 + "/.s.PGSQL.5432")
      }
    }
    // Told by its folder: what it takes for its own number may be one among processes of its own.
    let folder = try #require(cluster)
    #expect(!ProcessWatch.look(for: folder).isEmpty)
    kill(drill.identifier, SIGKILL)
    _ = drill.wait()
    for _ in 0..<600 where !ProcessWatch.look(for: folder).isEmpty { usleep(50_000) }
    #expect(ProcessWatch.look(for: folder) == [])
    #expect(try left().count == 1)
    let run = try ground.coffer("verify")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try left().isEmpty)
  }

  @Test("Samples go round all databases, SQLite's among them; the check 'restore' is made when it is due")
  func turns() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    for name in ["one", "two"] {
      try ground.run(
        "sqlite3", "\(ground.folder)/\(name).db",
        "CREATE TABLE \"t'\"(a); INSERT INTO \"t'\" VALUES (1), (2), (3); CREATE VIEW v AS SELECT 1;")
    }
    let databases = ["one", "two"].map { "  - {name: \($0), path: \(ground.folder)/\($0).db}\n" }.joined()
    try configure(
      "verify_queries: [{database: '*', query: 'SELECT count(*), 1.5 FROM v', expect: '1|1.5'}]\n"
        + "checks: [{name: restore, frequency: 1 month}]\nsqlite_databases:\n" + databases)
    try create()
    var dumps: [String] = []
    for _ in 0..<2 {
      let run = try ground.coffer("verify", "--sample", "1", "--json")
      #expect(run.status == .exited(0), "\(run.errors)")
      let proof = try #require(try proofs(run).first)
      #expect(proof["rows"] as? Int == 3 && proof["compared"] as? Bool == true, "\(proof)")
      #expect(proof["queries"] as? Int == 1, "\(proof)")
      dumps.append(try #require(proof["dump"] as? String))
    }
    #expect(Set(dumps).count == 2, "\(dumps)")
    let first = try ground.coffer("check")
    #expect(first.status == .exited(0) && first.output.contains("Proven:"), "\(first.errors)")
    let second = try ground.coffer("check", "-v", "1")
    #expect(second.status == .exited(0) && !second.output.contains("Proven:"), "\(second.output)")
    #expect(try left().isEmpty)
  }

  @Test("A user who is not there is said")
  func refused() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    try fill("verify_refused")
    defer { try? server.drop("verify_refused") }
    try configure("verify_user: nobody-of-that-name\npostgresql_databases:\n" + server.entry("verify_refused"))
    try create()
    let run = try ground.coffer("verify")
    #expect(run.status == .exited(geteuid() == 0 ? 1 : 0))
    #expect(geteuid() != 0 || run.errors.contains("There is no user 'nobody-of-that-name'"), "\(run.errors)")
  }
}

@Suite("Dumps of MariaDB are shown to restore", .serialized)
struct MariaDBVerifyTests {
  private let ground: Playground
  private let server: MariaDBServer
  private let drills: String

  init() throws {
    ground = try Playground()
    server = try MariaDBServer(1)
    // Sockets' paths are short.
    drills = "/tmp/coffer-drills-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: drills, withIntermediateDirectories: true)
  }

  @Test(
    "A dump with names of any kind is proven by a server that is gone afterwards")
  func whole() throws {
    defer { try? FileManager.default.removeItem(atPath: drills) }
    let name = "verify'`\u{301}"
    let quoted = "`verify'``\u{301}`"
    try server.run("DROP DATABASE IF EXISTS \(quoted); CREATE DATABASE \(quoted)")
    try server.run(
      """
      CREATE TABLE `a;``(` (a int, t text); INSERT INTO `a;``(` VALUES (1, '),('), (2, 'b'), (3, '\\'');
      CREATE TABLE empty (a int); CREATE VIEW v AS SELECT 1 AS a;
      CREATE TRIGGER tr BEFORE INSERT ON empty FOR EACH ROW SET NEW.a = 1;
      """, in: name)
    try ground.configure(
      "verify_directory: \(drills)\nuser_state_directory: \(ground.folder)/state\n"
        + "verify_queries: [{database: '*', query: 'SELECT COUNT(*), NULL FROM empty', expect: '0|NULL'}]\nmariadb_databases:\n"
        + server.entry(name))
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    let created = try ground.coffer("create")
    #expect(created.status == .exited(0), "\(created.errors)")
    let run = try ground.coffer("verify", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    let proof = try #require((run.json.first?["proofs"] as? [[String: Any]])?.first)
    #expect(proof["proven"] as? Bool == true && proof["compared"] as? Bool == true, "\(proof)")
    #expect(proof["tables"] as? Int == 2 && proof["rows"] as? Int == 3, "\(proof)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: drills).isEmpty)
    #expect(ground.leftovers().isEmpty)
    try server.run("DROP DATABASE \(quoted)")
  }
}
