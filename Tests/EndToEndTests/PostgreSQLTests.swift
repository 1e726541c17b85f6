import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("PostgreSQL through the built program", .serialized)
struct PostgreSQLTests {
  private let ground: Playground
  private let one: PostgreSQLServer
  private let two: PostgreSQLServer

  init() throws {
    ground = try Playground()
    one = try PostgreSQLServer(1)
    two = try PostgreSQLServer(2)
  }

  private func configure(_ database: String, _ more: String...) throws {
    try ground.configure("postgresql_databases:\n" + one.entry(database) + more.map { "    \($0)\n" }.joined())
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
  }

  private func create() throws -> [String: Any] {
    let run = try ground.coffer("create", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    let archive = try #require(run.json.first?["archive"] as? [String: Any])
    return try #require(archive["stats"] as? [String: Any])
  }

  @Test(
    "pg_restore reads a dump where an archive is mounted, and psql what it takes out of it",
    .enabled(if: geteuid() == 0 && access("/dev/fuse", F_OK) == 0, "this needs root and /dev/fuse"))
  func mounted() throws {
    let name = "e2e mounted"
    try one.recreate(name)
    defer { try? one.drop(name) }
    try one.run(
      "CREATE TABLE a (i int); INSERT INTO a SELECT generate_series(1, 50000); CREATE TABLE b (t text)", in: name)
    try configure(name)
    _ = try create()
    let point = "\(ground.folder)/point"
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: true)
    let mount = try ground.coffer("mount", point, "--archive", "latest")
    try #require(mount.status == .exited(0), "\(mount.errors)")
    defer { _ = try? ground.coffer("umount", point) }
    let found = try ground.run("find", "\(point)/databases", "-type", "f").split(separator: "\n").map(String.init)
    let dump = try #require(
      found.first { $0.hasSuffix("/postgresql_databases/\(one.hostname):\(one.port)/e2e mounted") })
    let list = try ground.run("pg_restore", "--list", dump)
    #expect(list.contains("TABLE DATA public a ") && list.contains("TABLE DATA public b "), "\(list)")
    let rows = try ground.run("sh", "-c", "pg_restore -f - -t a --data-only \"$0\" | grep -c '^[0-9]'", dump)
    #expect(rows == "50000\n")
  }

  private func restoreToTwo(_ database: String, _ more: String...) throws {
    let restored = try ground.coffer(
      [
        "restore", "--archive", "latest", "--database", database, "--hostname", two.hostname, "--port", "\(two.port)",
        "--username", two.username, "--password", two.password,
      ] + more)
    #expect(restored.status == .exited(0), "\(restored.errors)")
  }

  @Test(
    "A rich database of every format goes through the repository to another server and back to its own",
    arguments: ["custom", "plain", "tar", "directory"])
  func roundTrip(format: String) throws {
    let name = "e2e \(format)"
    try one.recreate(name)
    try two.drop(name)
    try one.run(PostgreSQLServer.richSchema, in: name)
    try configure(name, "format: \(format)")
    let first = try create()
    let content = try one.content(of: name)
    try one.run("UPDATE sales.customer SET name = 'changed' WHERE id = 1000", in: name)
    let second = try create()
    let sizes = [first, second].compactMap { $0["new_size"] as? Int }
    #expect(sizes.count == 2 && sizes[1] < sizes[0] / 3, "\(sizes)")
    try restoreToTwo(name)
    try expectSame(two.content(of: name), one.content(of: name))
    let back = try ground.coffer("restore", "--archive", try ground.archives()[0])
    #expect(back.status == .exited(0))
    #expect(!back.errors.lowercased().contains("warning") && !back.errors.contains("does not exist"), "\(back.errors)")
    try expectSame(one.content(of: name), content)
    #expect(ground.leftovers().isEmpty)
    try one.drop(name)
    try two.drop(name)
  }

  @Test("A whole server goes through the repository to another one")
  func wholeServer() throws {
    try one.recreate("e2e whole")
    try one.run(PostgreSQLServer.richSchema, in: "e2e whole")
    try two.drop("e2e whole")
    try configure("all")
    _ = try create()
    try restoreToTwo("all")
    try expectSame(two.content(of: "e2e whole"), one.content(of: "e2e whole"))
    try one.drop("e2e whole")
    try two.drop("e2e whole")
  }

  @Test("Roles are listed beside their databases and come back by name; a database comes back under another name")
  func rolesAndNames() throws {
    for server in [one, two] { try server.run("DROP DATABASE IF EXISTS e2e_owned; DROP ROLE IF EXISTS e2e_owner") }
    try one.run("CREATE ROLE e2e_owner LOGIN PASSWORD 'p'")
    try one.run("CREATE DATABASE e2e_owned OWNER e2e_owner")
    try one.run("CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO e2e_owner", in: "e2e_owned")
    try two.drop("e2e_copy")
    try configure("e2e_own*")
    _ = try create()
    #expect(try ground.coffer("list", "--archive", "latest").output.contains("globals"))
    try restoreToTwo("globals")
    try restoreToTwo("e2e_own*", "--target-name", "e2e_copy")
    try expectSame(two.content(of: "e2e_copy"), one.content(of: "e2e_owned"))
    let password = "SELECT rolpassword FROM pg_authid WHERE rolname = 'e2e_owner'"
    #expect(try two.run(password) == one.run(password))
    try one.drop("e2e_owned")
    // Without a name, databases only.
    #expect(try ground.coffer("restore", "--archive", "latest").output.contains("globals") == false)
    #expect(try one.run("SELECT a FROM t", in: "e2e_owned") == "1\n")
    try one.drop("e2e_owned")
    try two.drop("e2e_copy")
    for server in [one, two] { try server.run("DROP ROLE e2e_owner") }
  }

  @Test("Who may have no more than two sessions backs everything up, roles included")
  func twoSessions() throws {
    let folder = "\(ground.folder)/slow"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for program in ["pg_dump", "pg_dumpall"] {
      // Sessions for the next dump have come before it.
      try "#!/bin/sh\ncase \"$*\" in *--version*) ;; *) sleep 1;; esac\nexec \(program) \"$@\"\n"
        .write(toFile: "\(folder)/\(program)", atomically: false, encoding: .utf8)
      chmod("\(folder)/\(program)", 0o755)
    }
    for name in ["e2e_few_a", "e2e_few_b"] {
      try one.recreate(name)
      try one.run("CREATE TABLE t AS SELECT 1 AS a", in: name)
    }
    try one.run("CREATE ROLE e2e_few LOGIN PASSWORD 'f' CONNECTION LIMIT 2; GRANT pg_read_all_data TO e2e_few")
    defer {
      for name in ["e2e_few_a", "e2e_few_b"] { try? one.drop(name) }
      _ = try? one.run("DROP ROLE e2e_few")
    }
    try ground.configure(
      """
      postgresql_databases:
        - {name: e2e_few_*, hostname: \(one.hostname), port: \(one.port), username: e2e_few, password: f,
           pg_dump_command: \(folder)/pg_dump, globals: true}

      """)
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(run.errors.contains("Trying once more with nothing beside it"), "\(run.errors)")
    let list = try ground.coffer("list", "--archive", "latest").output
    #expect(["globals", "e2e_few_a", "e2e_few_b"].allSatisfy(list.contains), "\(list)")
  }

  @Test("A dry run begins a dump into a folder as it does others, and drops what only folders have")
  func folderDryRun() throws {
    try one.recreate("e2e_folder")
    try one.run("CREATE TABLE t(a int)", in: "e2e_folder")
    for options in ["--jobs=2", "-j 2", "--jobs 2 --no-comments"] {
      try configure("e2e_folder", "format: directory", "options: \(options)")
      let fine = try ground.coffer("create", "--dry-run")
      #expect(fine.status == .exited(0) && fine.output.contains("Would dump"), "\(fine.errors)")
    }
    try configure("e2e_folder", "format: directory", "options: --jobs=2 --table=missing")
    let run = try ground.coffer("create", "--dry-run")
    #expect(run.status == .exited(1) && run.errors.contains("no matching tables were found"), "\(run.errors)")
    #expect(try ground.archives().isEmpty)
    #expect(ground.leftovers().isEmpty)
    try one.drop("e2e_folder")
  }

  @Test("A dump killed in the middle leaves no archive, and the next run is fine")
  func killed() throws {
    try one.recreate("e2e_killed")
    try one.run("CREATE TABLE t AS SELECT md5(i::text) AS a FROM generate_series(1, 100000) i", in: "e2e_killed")
    try ground.write("dying", "#!/bin/sh\npg_dump \"$@\" | head -c 1000000\nkill -9 $$\n")
    try ground.run("chmod", "755", "dying")
    try configure("e2e_killed", "pg_dump_command: \(ground.folder)/dying")
    let run = try ground.coffer("create")
    #expect(
      run.status == .exited(1) && run.errors.contains("killed by signal 9") && run.errors.contains("'e2e_killed'"))
    #expect(try ground.archives().isEmpty)
    #expect(ground.leftovers().isEmpty)
    try configure("e2e_killed")
    _ = try create()
    #expect(try ground.archives().count == 1)
    try one.drop("e2e_killed")
  }

  @Test("A wrong password on restore touches nothing, and one on backup leaves no archive")
  func wrongPassword() throws {
    try one.recreate("e2e_password")
    try one.run("CREATE TABLE t(a int)", in: "e2e_password")
    try configure("e2e_password")
    _ = try create()
    let restore = try ground.coffer("restore", "--archive", "latest", "--password", "nope")
    #expect(restore.status == .exited(1) && restore.errors.contains("Cannot be restored: "), "\(restore.errors)")
    try ground.configure(
      "postgresql_databases:\n" + one.entry("e2e_password").replacingOccurrences(of: one.password, with: "nope"))
    let backup = try ground.coffer("create")
    #expect(backup.status == .exited(1) && backup.errors.contains("password authentication failed"))
    #expect(try ground.archives().count == 1)
    try one.drop("e2e_password")
  }
}
