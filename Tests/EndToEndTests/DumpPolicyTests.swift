import CofferSystem
import Foundation
import Testing

@Suite("Dumps that fail, and several repositories, with the built program")
struct DumpPolicyTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (hex(randomblob(50000)));")
    try configure()
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private func configure(_ more: String = "") throws {
    try ground.configure("sqlite_databases:\n  - name: app\n    path: \(ground.folder)/app.db\n" + more)
  }

  private func program(_ name: String, _ script: String) throws -> String {
    try ground.write(name, "#!/bin/sh\n\(script)\n")
    try ground.run("chmod", "755", name)
    return "\(ground.folder)/\(name)"
  }

  /// A pg_dump whose dumps cannot be told from real ones.
  private func dumpLike(_ content: String) -> String {
    "head -c 200000 /dev/zero; echo '\(content)'; echo '-- PostgreSQL database dump complete'; echo"
  }

  @Test("keep-others makes an archive of what succeeded, marks it partial, says what is missing, and exits with 1")
  func keepOthers() throws {
    try configure(
      """
      on_dump_error: keep-others
      postgresql_databases:
        - {name: users, hostname: 127.0.0.1, port: 1}
        - {name: all, format: custom, hostname: 127.0.0.1, port: 2}

      """)
    let run = try ground.coffer("create", "--json")
    #expect(run.status == .exited(1))
    for sign in ["database 'users' at 127.0.0.1:1", "database 'all' at 127.0.0.1:2", "Archive", "is partial"] {
      #expect(run.errors.contains(sign), "\(run.errors)")
    }
    let archive = try #require(run.json.first?["archive"] as? [String: Any])
    #expect(archive["partial"] as? Bool == true)
    #expect(
      archive["missing_dumps"] as? [String] == [
        "postgresql_globals/127.0.0.1:1/globals", "postgresql_databases/127.0.0.1:1/users",
        "postgresql_databases/127.0.0.1:2/all",
      ])
    #expect(try ground.coffer("list", "--archive", "latest").output.contains("app"))
    #expect(try ground.coffer("repo-list").output.contains("partial"))
    #expect(try ground.coffer("info", "--archive", "latest").output.contains("127.0.0.1:1/users"))
    #expect(try ground.coffer("list", "--archive", "latest").errors.contains("is partial, without"))
    let listed = try #require(ground.coffer("repo-list", "--json").json.first?["archives"] as? [[String: Any]])
    let inside = try #require(ground.coffer("list", "--archive", "latest", "--json").json.first)
    for told in [try #require(listed.first), inside] {
      #expect(told["partial"] as? Bool == true)
      #expect((told["missing_dumps"] as? [String])?.count == 3)
    }
    let missing = try ground.coffer("restore", "--archive", "latest", "--database", "users")
    #expect(missing.status == .exited(1) && missing.errors.contains("partial"), "\(missing.errors)")
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
  }

  @Test("keep-others makes no archive when nothing but failures would be in it")
  func nothingButFailures() throws {
    try ground.configure(
      "on_dump_error: keep-others\npostgresql_databases:\n  - {name: users, hostname: 127.0.0.1, port: 1}\n")
    #expect(try ground.coffer("create").status == .exited(1))
    #expect(try ground.archives().isEmpty)
  }

  @Test("A dump that fails is tried again, and what the first try stored is whole")
  func retries() throws {
    let flaky = try program(
      "flaky", "echo run >>'\(ground.folder)/runs'; \(dumpLike("a")); [ $(wc -l <'\(ground.folder)/runs') -ge 3 ]")
    try configure(
      "postgresql_databases:\n  - {name: users, format: plain, pg_dump_command: \(flaky), dump_retries: 2, dump_retry_wait: 0}\n"
    )
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(run.errors.contains("Trying again") && run.errors.contains("(2 of 2)"))
    let runs = try ground.run("cat", "runs")
    #expect(runs == "run\nrun\nrun\n")
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    try ground.run("rm", "runs")
    try configure("postgresql_databases:\n  - {name: users, format: plain, pg_dump_command: \(flaky)}\n")
    #expect(try ground.coffer("create").status == .exited(1))
  }

  @Test("As many dumps as asked for run at the same time, and are listed in the order of the configuration")
  func parallel() throws {
    // Each is done only when the other has begun.
    func waiting(_ own: String, for other: String) throws -> String {
      try program(
        own,
        "touch '\(ground.folder)/\(own).begun'; until [ -e '\(ground.folder)/\(other).begun' ]; do sleep 0.1; done; "
          + dumpLike(own))
    }
    let (one, two) = (try waiting("one", for: "two"), try waiting("two", for: "one"))
    func entries(_ more: String) throws {
      try configure(
        """
        \(more)
        postgresql_databases:
          - {name: one, format: plain, pg_dump_command: \(one), psql_command: 'false', globals: false}
          - {name: two, format: plain, pg_dump_command: \(two), psql_command: 'false', globals: false}

        """)
    }
    try entries("dump_stall_timeout: 1")
    let single = try ground.coffer("create")
    #expect(single.status == .exited(1) && single.errors.contains("database 'one'"), "\(single.errors)")
    try ground.run("rm", "one.begun")
    try entries("dump_stall_timeout: 60\nparallel_dumps: 2")
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
    let listed = try ground.coffer("list", "--archive", "latest", "--short").output
    let dumps = listed.split(separator: "\n").filter { $0.hasPrefix("coffer/") && $0.contains("_databases/") }
    #expect(dumps.map { $0.split(separator: "/").last } == ["one", "two", "app"], "\(listed)")
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
  }

  @Test("A dump that fails stops those that run beside it at once")
  func parallelFailure() throws {
    let hang = try program("hang", "echo $$ >'\(ground.folder)/pid'; printf x; exec sleep 1000")
    let fail = try program("fail", "until [ -s '\(ground.folder)/pid' ]; do sleep 0.1; done; echo broken >&2; exit 3")
    try configure(
      """
      parallel_dumps: 3
      postgresql_databases:
        - {name: hangs, format: plain, pg_dump_command: \(hang), psql_command: 'false', globals: false}
        - {name: fails, format: plain, pg_dump_command: \(fail), psql_command: 'false', globals: false}

      """)
    let start = Date()
    let run = try ground.coffer("create")
    #expect(Date().timeIntervalSince(start) < 60)
    #expect(run.status == .exited(1) && run.errors.contains("database 'fails'") && run.errors.contains("broken"))
    #expect(!run.errors.contains("Stopped on request"), "\(run.errors)")
    #expect(try ground.archives().isEmpty)
    let pid = try #require(Int32(try ground.run("cat", "pid").trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(pid, 0) == -1 && errno == ESRCH)
  }

  @Test("A database's own limits count for it alone")
  func ownLimits() throws {
    let slow = try program("slow", "printf x; sleep 1.5; \(dumpLike("b"))")
    let hang = try program("hang", "printf x; exec sleep 1000")
    try configure(
      """
      dump_stall_timeout: 1
      on_dump_error: keep-others
      postgresql_databases:
        - {name: slow, format: plain, pg_dump_command: \(slow), dump_stall_timeout: 20}
        - {name: hang, format: plain, pg_dump_command: \(hang)}

      """)
    let run = try ground.coffer("create")
    #expect(run.status == .exited(1))
    #expect(run.errors.contains("'hang'") && run.errors.contains("wrote nothing for 1 seconds"), "\(run.errors)")
    #expect(try ground.coffer("list", "--archive", "latest").output.contains("slow"))
  }

  @Test("A dump of no bytes is a failure although the program was content")
  func zeroBytes() throws {
    try configure(
      "postgresql_databases:\n  - {name: users, format: plain, pg_dump_command: \(try program("nil", ":"))}\n")
    let run = try ground.coffer("create")
    #expect(run.status == .exited(1) && run.errors.contains("wrote nothing"), "\(run.errors)")
    #expect(try ground.archives().isEmpty)
  }

  private func configureTwo() throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: \(ground.repository), label: one}
        - {path: \(ground.folder)/second, label: two}
      postgresql_databases:
        - {name: users, format: plain, pg_dump_command: \(try program("once", "echo run >>'\(ground.folder)/runs'; \(dumpLike("c"))"))}
      source_directories: [\(ground.folder)/app.db]

      """)
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
  }

  @Test("Several repositories get the same archive from one dump")
  func dumpedOnce() throws {
    try configureTwo()
    let run = try ground.coffer("create", "--json")
    #expect(run.status == .exited(0) && run.json.count == 2, "\(run.errors)")
    #expect(try ground.run("cat", "runs") == "run\n")
    for label in ["one", "two"] {
      try ground.run("rm", "-rf", "out")
      try ground.run("mkdir", "out")
      let extracted = try ground.coffer("extract", "--archive", "latest", "--repository", label, "--destination", "out")
      #expect(extracted.status == .exited(0), "\(extracted.errors)")
      try ground.run("cmp", "app.db", "out/\(ground.folder.dropFirst())/app.db")
      #expect(try ground.coffer("check", "--level", "4", "--repository", label).status == .exited(0))
    }
  }

  @Test("A repository that fails does not keep the others from their archive")
  func oneRepositoryFails() throws {
    try configureTwo()
    try ground.run("rm", "-rf", "second/config")
    let run = try ground.coffer("create")
    #expect(run.status == .exited(1) && run.errors.contains("/second"), "\(run.errors)")
    #expect(try ground.coffer("repo-list", "--repository", "one").output.isEmpty == false)
  }
}
