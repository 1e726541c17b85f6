import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Choosing what is restored and where to, with the built program", .serialized)
struct RestoreChoiceTests {
  private let ground: Playground
  private let one: PostgreSQLServer
  private let two: PostgreSQLServer
  private let database = "e2e_choice"

  init() throws {
    ground = try Playground()
    one = try PostgreSQLServer(1)
    two = try PostgreSQLServer(2)
    for (server, content) in [(one, "from one"), (two, "from two")] {
      try server.recreate(database)
      try server.run("CREATE TABLE t AS SELECT '\(content)' AS a", in: database)
    }
  }

  private func configure(_ entries: String) throws {
    try ground.configure("postgresql_databases:\n" + entries)
    try ground.coffer("repo-create", "-e", "repokey")
  }

  private func create() throws { try ground.succeed("create") }

  private func restore(_ arguments: String...) throws -> Playground.Outcome {
    try ground.coffer(["restore", "--archive", "latest"] + arguments)
  }

  private func content(_ server: PostgreSQLServer, _ name: String? = nil) throws -> String {
    try server.run("SELECT a FROM t", in: name ?? database)
  }

  private func cleanUp() throws {
    for server in [one, two] { try server.drop(database) }
  }

  @Test("Dumps of one name from two servers are told apart by where they came from; a bare name is refused")
  func sameName() throws {
    try configure(one.entry(database) + two.entry(database))
    try create()
    for server in [one, two] { try server.run("UPDATE t SET a = 'changed'", in: database) }
    let refused = try restore("--database", database)
    #expect(refused.status == .exited(1))
    #expect(refused.errors.contains("--original-hostname \(two.hostname)"), "\(refused.errors)")
    #expect(try restore("--database", database, "--original-hostname", two.hostname).status == .exited(0))
    #expect(try content(one) == "changed\n")
    #expect(try content(two) == "from two\n")
    #expect(try restore("--database", "e2e_cho*").status == .exited(0))
    #expect(try content(one) == "from one\n")
    try cleanUp()
  }

  @Test("A database is restored under another name, beside the one that is in use")
  func targetName() throws {
    try configure(one.entry(database))
    try create()
    try one.run("UPDATE t SET a = 'changed'", in: database)
    try one.drop("e2e_choice_copy")
    let run = try restore("--database", database, "--target-name", "e2e_choice_copy")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try content(one) == "changed\n")
    #expect(try content(one, "e2e_choice_copy") == "from one\n")
    try one.drop("e2e_choice_copy")
    try cleanUp()
  }

  @Test("A database that the configuration does not have any more is restored by what the archive knows, and flags")
  func notConfigured() throws {
    try configure(one.entry(database))
    try create()
    try one.run("UPDATE t SET a = 'changed'", in: database)
    try configure(two.entry("another"))
    let run = try restore("--username", one.username, "--password", one.password)
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try content(one) == "from one\n")
    try cleanUp()
  }

  @Test("If one of the chosen databases cannot be restored, none is touched")
  func allOrNothing() throws {
    try configure(one.entry(database) + two.entry(database))
    try create()
    for server in [one, two] { try server.run("UPDATE t SET a = 'changed'", in: database) }
    try configure(one.entry(database) + two.entry(database).replacing(two.password, with: "wrong"))
    let run = try restore()
    #expect(run.status == .exited(1) && run.errors.contains("password authentication failed"), "\(run.errors)")
    #expect(try content(one) == "changed\n" && content(two) == "changed\n")
    try cleanUp()
  }

  @Test("Flags that name a server are not taken for files, nor a file's path for servers: nothing is touched")
  func mixedTargets() throws {
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a)")
    let entries = one.entry(database) + "sqlite_databases:\n  - {name: app, path: \(ground.folder)/app.db}\n"
    try configure(entries)
    try create()
    try ground.run("sqlite3", "app.db", "CREATE TABLE newer(a)")
    try one.run("UPDATE t SET a = 'changed'", in: database)
    for flags in [["--hostname", one.hostname], ["--restore-path", "\(ground.folder)/other.db"]] {
      let run = try ground.coffer(["restore", "--archive", "latest"] + flags)
      #expect(run.status == .exited(1) && run.errors.contains("--hook"), "\(run.errors)")
    }
    #expect(try content(one) == "changed\n")
    #expect(try ground.run("sqlite3", "app.db", ".tables").contains("newer"))
    try cleanUp()
  }

  /// A stand-in for docker: it knows one container, and runs what is to be run inside it on this machine.
  private func installDocker() throws {
    try ground.write(
      "bin/docker",
      """
      #!/bin/sh
      case "$1" in
        container) [ "$4" = box ] && echo '{"IPAddress": "\(one.hostname)"}' || { echo "no such container: $4" >&2; exit 1; } ;;
        exec) shift; while [ "$1" != box ]; do shift; done; shift; exec "$@" ;;
      esac

      """)
    try ground.run("chmod", "755", "bin/docker")
    ground.environment["PATH"] = "\(ground.folder)/bin:/usr/local/bin:/usr/bin:/bin"
  }

  @Test("A server in a container is found by the container's name, and its dump by --original-container")
  func container() throws {
    try installDocker()
    let entry = one.entry(database).replacing("hostname: \(one.hostname)", with: "container: box")
    try configure(entry + two.entry(database))
    try create()
    #expect(try ground.coffer("list", "--archive", "latest").output.contains("box"))
    for server in [one, two] { try server.run("UPDATE t SET a = 'changed'", in: database) }
    let run = try restore("--database", database, "--original-container", "box")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try content(one) == "from one\n" && content(two) == "changed\n")
    try configure(entry.replacing("box", with: "gone"))
    let missing = try ground.coffer("create")
    #expect(missing.status == .exited(1) && missing.errors.contains("no such container: gone"), "\(missing.errors)")
    try cleanUp()
  }

  @Test("Clients in a container are run there, with the dump through their standard input and output")
  func clientsInContainer() throws {
    try installDocker()
    try configure(
      one.entry(
        database, "pg_dump_command: docker exec box pg_dump", "pg_restore_command: docker exec -i box pg_restore",
        "psql_command: docker exec -i box psql"))
    try create()
    try one.run("UPDATE t SET a = 'changed'", in: database)
    let run = try restore()
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try content(one) == "from one\n")
    try cleanUp()
  }

  @Test("No password is seen in a process's arguments or in what is said, and nobody else can read the run's files")
  func secrecy() throws {
    let secret = "p4ss-\(UInt64.random(in: 0 ... .max))"
    try one.run("DROP ROLE IF EXISTS e2e_secret; CREATE ROLE e2e_secret SUPERUSER LOGIN PASSWORD '\(secret)'")
    try one.run("CREATE TABLE big AS SELECT md5(i::text) FROM generate_series(1, 200000) i", in: database)
    let entry = one.entry(database).replacing(one.password, with: secret)
      .replacing("username: \(one.username)", with: "username: e2e_secret")
    let other = entry.replacing("\n    hostname", with: "\n    label: other\n    format: directory\n    hostname")
    try configure(entry)
    ground.environment["COFFER_PASSPHRASE"] = nil
    try ground.configure("encryption_passphrase: correct horse\npostgresql_databases:\n" + entry + other)
    let watch = try ProcessWatch(for: secret, folder: "\(ground.folder)/run")
    for arguments in [["create", "-v", "2"], ["restore", "--archive", "latest", "-v", "2"], ["config", "show"]] {
      let run = try ground.coffer(arguments)
      #expect(run.status == .exited(0), "\(run.errors)")
      for said in [run.output, run.errors] { #expect(!said.contains(secret) && !said.contains("correct horse")) }
    }
    let seen = watch.stop()
    #expect(seen.looks > 20)
    #expect(seen.sightings.isEmpty, "\(seen.sightings)")
    try cleanUp()
    try one.run("DROP ROLE e2e_secret")
  }

  @Test("One table of a database is restored beside the one in use, and the outcome is told to programs")
  func oneTable() throws {
    try configure(one.entry(database, "count_percentage: 100"))
    try one.run("CREATE TABLE other AS SELECT i AS a FROM generate_series(1, 7) i", in: database)
    try create()
    try one.run("UPDATE t SET a = 'changed'; DELETE FROM other", in: database)
    let run = try restore("--table", "public.other", "--table-as", "other_before", "--json")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(try one.run("SELECT count(*), sum(a) FROM other_before", in: database) == "7|28\n")
    #expect(try one.run("SELECT a, (SELECT count(*) FROM other) FROM t", in: database) == "changed|0\n")
    let outcome = try #require(run.json.first)
    #expect(outcome["partial"] as? Bool == false)
    let restored = try #require((outcome["databases"] as? [[String: Any]])?.first)
    #expect(restored["rows"] as? Int == 7)
    #expect(restored["tables"] as? Int == 1)
    #expect(restored["duration"] is Double)

    let again = try restore("--table", "other", "--target-name", database)
    #expect(again.status == .exited(1))
    #expect(again.errors.contains("-> '\(database)' at \(one.hostname)"), "\(again.errors)")
    #expect(again.errors.contains("--replace-tables"), "\(again.errors)")
    #expect(try restore("--table", "other", "--replace-tables", "--yes").status == .exited(0))
    #expect(try one.run("SELECT count(*) FROM other", in: database) == "7\n")
    #expect(try restore("--replace-tables").errors.contains("No table is chosen"))
    try cleanUp()
  }
}
