import CofferSystem
import Foundation
import Testing

@Suite("Commands around the job, with the built program")
struct CommandHookTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    try configure("")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private var databases: String { "sqlite_databases:\n  - name: app\n    path: \(ground.folder)/app.db\n" }

  private func configure(_ commands: String, more: String = "") throws {
    let block = commands.isEmpty ? "" : "commands:\n" + commands
    try ground.configure("    label: it's \"here\"\n" + databases + more + block)
  }

  /// A hook for every step that prints its name, with further parts.
  private func everyStep(_ more: String = "", after: String = "") -> String {
    ["everything", "configuration", "repository", "action"].map { step in
      "  - {before: \(step), run: [echo before \(step)]\(more)}\n"
        + "  - {after: \(step), run: [echo after \(step)]\(more)\(after)}\n"
    }.joined()
  }

  @Test("Hooks run in their order, and not in a dry run, for validation or for other actions")
  func order() throws {
    try configure(everyStep())
    let run = try ground.coffer("create", "check")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(
      run.output.split(separator: "\n") == [
        "before everything", "before configuration", "before repository", "before action", "after action",
        "before action", "after action", "after repository", "after configuration", "after everything",
      ])
    #expect(try !ground.coffer("create", "--dry-run").output.contains("before"))
    #expect(try !ground.coffer("config", "validate").output.contains("before"))
    #expect(try ground.coffer("repo-list", "--json").json.count == 1)
    try configure(everyStep(", when: [create]"))
    #expect(try ground.coffer("check").output.isEmpty)
    #expect(
      try ground.coffer("check", "create").output.split(separator: "\n").filter { $0 == "before action" }.count == 1)
  }

  @Test("A failing step is told by its after-hooks and the error hook, with values that stay values")
  func failure() throws {
    try ground.write("hang", "#!/bin/sh\necho \"it's \\\"bad\\\" \\$(touch pwned)\" >&2\necho second >&2\nexit 4\n")
    try ground.run("chmod", "755", "hang")
    let failing = "postgresql_databases:\n  - {name: users, pg_dump_command: \(ground.folder)/hang}\n"
    try configure(
      everyStep(after: ", states: [fail]") + """
          - {after: action, states: [finish], run: [echo finished]}
          - after: error
            run:
              - "printf '%s|' {configuration_filename} {repository} '{repository_label}' > seen; echo told"
              - "echo \\"{error}\\" > error; echo {output} > output"

        """, more: failing + "working_directory: \(ground.folder)\n")
    let run = try ground.coffer("create", "check")
    #expect(run.status == .exited(1))
    #expect(
      run.output.split(separator: "\n") == [
        "before everything", "before configuration", "before repository", "before action", "after action",
        "after repository", "after configuration", "after everything",
      ])
    #expect(run.errors.contains("error: command after error: told\n"), "\(run.errors)")
    #expect(
      try ground.run("cat", "seen") == "\(ground.folder)/config.yaml|\(ground.repository)|it's \"here\"|")
    #expect(try ground.run("cat", "error").contains("postgresql database 'users' at localhost"))
    #expect(try ground.run("cat", "output") == "it's \"bad\" $(touch pwned)\nsecond\n")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/pwned"))
  }

  @Test("A failing before-hook keeps the step from being run, its after-hooks clean up")
  func failingBefore() throws {
    try configure(
      "  - {before: repository, run: ['exit 3']}\n  - {after: repository, run: [echo clean], states: [fail]}\n"
        + "  - {after: action, run: [echo never]}\n")
    let run = try ground.coffer("create")
    #expect(run.status == .exited(1) && run.output == "clean\n")
    #expect(run.errors.contains("command before repository: 'exit 3' failed with exit status 3"), "\(run.errors)")
    try configure("")
    #expect(try ground.archives().isEmpty)
  }

  @Test(
    "Exit status 75 skips the step, its own after-hook, and what follows in that repository, without an error",
    arguments: [
      ("action", ["after repository", "after configuration", "after everything"]),
      ("repository", ["after configuration", "after everything"]), ("configuration", ["after everything"]),
      ("everything", []),
    ])
  func softFailure(step: String, remaining: [String]) throws {
    try configure(
      "  - {before: \(step), run: ['exit 75']}\n  - {after: error, run: [echo error]}\n"
        + everyStep().split(separator: "\n").filter { $0.contains("after") }.joined(separator: "\n") + "\n")
    let run = try ground.coffer("create", "check", "-v", "1")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(run.output.split(separator: "\n").map(String.init) == remaining)
    #expect(run.errors.contains("Skipped: 'exit 75' failed"))
    try configure("")
    #expect(try ground.archives().isEmpty)
  }

  @Test("What several files have around everything runs once; errors of one repository leave the others their turn")
  func severalFiles() throws {
    let hooks = "commands:\n  - {before: everything, run: [echo once]}\n  - {before: configuration, run: [echo each]}\n"
    let missing = "  - path: \(ground.folder)/missing\n"
    try ground.write("d/a.yaml", "repositories:\n\(missing)  - path: \(ground.repository)\n" + databases + hooks)
    try ground.write("d/b.yaml", "repositories:\n  - path: \(ground.repository)\n" + databases + hooks)
    let run = try ground.coffer("--config", "d", "create")
    #expect(run.status == .exited(1) && run.errors.contains("\(ground.folder)/missing"))
    #expect(run.output.split(separator: "\n") == ["once", "each", "each"])
    #expect(try ground.archives().count == 2)
    let chosen = try ground.coffer("--config", "d", "create", "--repository", "*/repository")
    #expect(chosen.status == .exited(0) && chosen.output.split(separator: "\n") == ["once", "each", "each"])
    let unknown = try ground.coffer("--config", "d", "create", "--repository", "other")
    #expect(unknown.status == .exited(1) && unknown.errors.contains("No such repository is configured"))
    let restore = try ground.coffer("--config", "d/a.yaml", "restore", "--archive", "latest")
    #expect(restore.status == .exited(1) && restore.errors.contains("restore reads one") && restore.output.isEmpty)
  }

  @Test("A repository's own commands count for it in place of the file's")
  func ownCommands() throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - path: \(ground.repository)
        - path: \(ground.folder)/second
          umask: 22
          commands:
            - {before: action, run: ["echo second; umask"]}
      umask: 77
      commands:
        - {before: action, run: ["echo first; umask"]}
        - {after: configuration, run: [echo end]}
      sqlite_databases: [{name: app, path: \(ground.folder)/app.db}]

      """)
    try ground.coffer("repo-create", "--encryption", "repokey")
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(run.output.split(separator: "\n") == ["first", "0077", "second", "0022", "end"])
  }

  @Test("A run that is stopped ends the command it is in, and still cleans up")
  func stopped() throws {
    try configure(
      "  - {before: action, run: ['touch begun; exec sleep 271828']}\n  - {after: action, run: [touch cleaned]}\n",
      more: "working_directory: \(ground.folder)\n")
    let child = try ground.start("create")
    let deadline = Date().addingTimeInterval(20)
    while !FileManager.default.fileExists(atPath: "\(ground.folder)/begun"), Date() < deadline { usleep(50_000) }
    kill(child.identifier, SIGINT)
    #expect(child.wait(seconds: 20) == .exited(128 + SIGINT))
    #expect(FileManager.default.fileExists(atPath: "\(ground.folder)/cleaned"))
    #expect(try !ground.run("ps", "-e", "-o", "args=").contains("sleep 271828"))
  }

  @Test("A crash writes no memory to a file, nor does one of a program that is started")
  func noCores() throws {
    try configure("  - {before: everything, run: [\"grep -h '^Max core' /proc/$PPID/limits /proc/self/limits\"]}\n")
    let run = try ground.coffer("list")
    let limits = run.output.split(separator: "\n").map { $0.split(separator: " ").dropFirst(4).first }
    #expect(limits == ["0", "0"], "\(run.output)\(run.errors)")
  }
}
