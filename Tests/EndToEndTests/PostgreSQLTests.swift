import CofferSystem
import Foundation
import Testing

@Suite("PostgreSQL through the built program", .serialized)
struct PostgreSQLTests {
  private let ground: Playground
  private let servers: [[String]]

  init() throws {
    ground = try Playground()
    servers = try [1, 2].map { number in
      let text = ProcessInfo.processInfo.environment["COFFER_TEST_POSTGRESQL_\(number)"] ?? ""
      let parts = text.split(separator: ":").map(String.init)
      guard parts.count == 4 else { throw Playground.NotBuilt() }
      return parts
    }
  }

  private func psql(_ server: Int, _ database: String, _ sql: String) throws -> String {
    ground.environment["PGPASSWORD"] = servers[server][3]
    defer { ground.environment["PGPASSWORD"] = nil }
    return try ground.run(
      "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", servers[server][0], "-p", servers[server][1], "-U",
      servers[server][2], "-d", database, "-c", sql)
  }

  @Test(
    "Databases of every format go to another server by flags, and a day later little is stored",
    arguments: ["custom", "plain", "tar", "directory"])
  func roundTrip(format: String) throws {
    let name = "e2e \(format)"
    for server in 0...1 { _ = try psql(server, "postgres", "DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)") }
    _ = try psql(0, "postgres", "CREATE DATABASE \"\(name)\"")
    _ = try psql(
      0, name,
      "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS a, md5((i * 7)::text) AS b FROM generate_series(1, 60000) i")
    try ground.configure(
      """
      encryption_passphrase: "${COFFER_PASSPHRASE}"
      postgresql_databases:
        - name: \(name)
          hostname: \(servers[0][0])
          port: \(servers[0][1])
          username: \(servers[0][2])
          password: \(servers[0][3])
          format: \(format)

      """)
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    let first = try ground.coffer("create", "--json")
    #expect(first.status == .exited(0), "\(first.errors)")
    _ = try psql(0, name, "UPDATE t SET a = 'changed' WHERE id = 30000")
    let second = try ground.coffer("create", "--json")
    let sizes = [first, second].compactMap { run in
      ((run.json.first?["archive"] as? [String: Any])?["stats"] as? [String: Any])?["new_size"] as? Int
    }
    try #require(sizes.count == 2)
    #expect(sizes[0] > 4_000_000 && sizes[1] < 200_000, "\(sizes)")
    let restored = try ground.coffer(
      "restore", "--archive", "latest", "--database", name, "--hostname", servers[1][0], "--port", servers[1][1],
      "--username", servers[1][2], "--password", servers[1][3])
    #expect(restored.status == .exited(0), "\(restored.errors)")
    let sum = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM t"
    #expect(try psql(1, name, sum) == psql(0, name, sum))
    #expect(ground.leftovers().isEmpty)
  }

  @Test("A dump killed in the middle leaves no archive, and the next run is fine")
  func killed() throws {
    _ = try psql(0, "postgres", "DROP DATABASE IF EXISTS e2e_killed WITH (FORCE)")
    _ = try psql(0, "postgres", "CREATE DATABASE e2e_killed")
    _ = try psql(0, "e2e_killed", "CREATE TABLE t AS SELECT md5(i::text) AS a FROM generate_series(1, 100000) i")
    try ground.write("dying", "#!/bin/sh\npg_dump \"$@\" | head -c 1000000\nkill -9 $$\n")
    try ground.run("chmod", "755", "dying")
    let entry =
      "postgresql_databases:\n  - name: e2e_killed\n    hostname: \(servers[0][0])\n    port: \(servers[0][1])\n    username: \(servers[0][2])\n    password: \(servers[0][3])\n"
    try ground.configure(entry + "    pg_dump_command: \(ground.folder)/dying\n")
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    let run = try ground.coffer("create")
    #expect(
      run.status == .exited(1) && run.errors.contains("killed by signal 9") && run.errors.contains("'e2e_killed'"))
    #expect(try ground.archives().isEmpty)
    #expect(ground.leftovers().isEmpty)
    try ground.configure(entry)
    #expect(try ground.coffer("create").status == .exited(0))
    _ = try psql(0, "postgres", "DROP DATABASE e2e_killed")
  }
}
