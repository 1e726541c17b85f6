import CofferSystem
import Foundation
import Testing

@Suite("The command line, with the built program")
struct CommandLineTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.write("files/note.txt", "a note")
    try ground.configure("source_directories: [\(ground.folder)/files]\n")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private func shell(_ script: String) throws -> CommandResult {
    try SystemProcessLauncher().run(
      ChildCommand(
        "sh", ["-c", "exec 2>&1; " + script, ground.binary], environment: ProcessEnvironment(ground.environment),
        workingDirectory: ground.folder))
  }

  private static let canHideProc =
    (try? SystemProcessLauncher().run(
      ChildCommand(
        "unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/proc"],
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]))
    ).status.isSuccess) ?? false

  @Test(
    "Arguments count where there is no /proc, and never are the standard actions run in their place",
    .enabled(if: canHideProc))
  func withoutProc() throws {
    try ground.run("mkdir", "-p", ".config/coffer")
    try ground.run("cp", "config.yaml", ".config/coffer/config.yaml")
    func hidden(_ arguments: String) throws -> CommandResult {
      try shell("exec unshare -rm sh -c 'mount -t tmpfs none /proc && exec \"$0\" \(arguments)' \"$0\"")
    }
    let version = try hidden("--version")
    #expect(version.text.split(separator: "\n").count == 1 && version.status == .exited(0))
    #expect(try hidden("config validate --config /nonexistent").status == .exited(1))
    #expect(try hidden("create --dry-run").status == .exited(0))
    #expect(try ground.archives() == [])
  }

  @Test("A program that is started without even its own name does nothing")
  func withoutArguments() throws {
    try ground.write(
      "start.py",
      """
      import ctypes, os, sys
      libc = ctypes.CDLL(None, use_errno=True)
      program = os.fsencode(sys.argv[1])
      environment = (ctypes.c_char_p * 2)(b"HOME=" + os.fsencode(os.getcwd()), None)
      libc.execve(program, (ctypes.c_char_p * 1)(None), environment)
      """)
    try ground.run("mkdir", "-p", ".config/coffer")
    try ground.run("cp", "config.yaml", ".config/coffer/config.yaml")
    // Newer kernels pass an empty name in place of none.
    let result = try shell("exec python3 start.py \"$0\"")
    #expect(result.status == .exited(1))
    #expect(result.text.contains("started without its arguments"), "\(result.text)")
    #expect(try ground.archives() == [])
  }

  @Test("An argument that is not UTF-8 is refused, and not taken for another")
  func notText() throws {
    let result = try shell("exec \"$0\" create --comment \"$(printf 'a\\377')\"")
    #expect(result.status == .exited(1))
    #expect(result.text.contains("It is not UTF-8"))
  }

  @Test("Output that cannot be written is an error; a reader that has read enough is none")
  func fullOutput() throws {
    let options = "--config '\(ground.folder)/config.yaml'"
    for command in [
      "--version", "--help", "config show \(options)", "repo-info \(options)", "create --stats \(options)",
      "repo-list \(options)", "repo-list --json \(options)", "list --archive latest \(options)",
      "info --json \(options)", "check --force -v 0 \(options) --help",
    ] {
      let result = try shell("\"$0\" \(command) >/dev/full")
      #expect(result.status == .exited(1), "\(command): \(result.text)")
      #expect(result.text.contains("standard output: write failed: No space left on device"), "\(command)")
    }
    #expect(try shell("\"$0\" repo-list \(options) >&-").status == .exited(1))
    #expect(try shell("\"$0\" create \(options) <&- >&- 2>&-").status == .exited(0))
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    #expect(try ground.archives().count == 2)
    #expect(try shell("(\"$0\" repo-list \(options); echo $? >status) | true; cat status").text == "0\n")
  }

  @Test("Commands that need no server do not miss its password; a backup does")
  func unusedVariables() throws {
    try ground.configure(
      "source_directories: [\(ground.folder)/files]\n"
        + "postgresql_databases: [{name: users, password: \"${COFFER_TEST_NOT_SET}\"}]\nntfy: {topic: \"${NOT_SET}\"}\n"
    )
    for command in [["repo-list"], ["repo-info"], ["list"], ["info"], ["config", "validate"]] {
      let run = try ground.coffer(command)
      #expect(run.status == .exited(0), "\(command): \(run.errors)")
    }
    let create = try ground.coffer("create")
    #expect(create.status == .exited(1))
    #expect(create.errors.contains("The environment variable 'COFFER_TEST_NOT_SET' is not set"))
  }

  @Test("Answers say whose they are where there are several repositories, and an empty list says why")
  func severalRepositories() throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: \(ground.repository), label: first}
        - {path: \(ground.folder)/second}
      source_directories: [\(ground.folder)/files]
      """)
    #expect(try ground.coffer("repo-create", "--encryption", "repokey", "create").status == .exited(0))
    for action in ["list", "repo-list", "info"] {
      let lines = try ground.coffer(action).output.split(separator: "\n").map(String.init)
      #expect(
        lines.filter { $0.hasPrefix("Repository ") && !$0.hasPrefix("Repository:") } == [
          "Repository first (\(ground.repository)):", "Repository \(ground.folder)/second:",
        ], "\(action)")
    }
    #expect(try ground.coffer("repo-list", "--json").json.count == 2)
    let other = try ground.coffer("repo-list", "--archive-hostname", "renamed", "--repository", "first")
    #expect(other.output.isEmpty && other.errors.contains("None of its 1 archives has a name like 'renamed-*'"))
  }

  @Test("Validation refuses the repositories that a backup would refuse")
  func unsupported() throws {
    for place in ["b2:backup/r", "ssh://backup.example.org", "{path: /r, encryption: none}"] {
      try ground.write("config.yaml", "repositories: [\(place.hasPrefix("{") ? place : "{path: \"\(place)\"}")]\n")
      let run = try ground.coffer("config", "validate")
      #expect(run.status == .exited(1) && !run.output.contains("is valid"), "\(place): \(run.output)")
    }
  }

  @Test("A configuration is written under any name, of one letter too")
  func oneLetter() throws {
    #expect(try ground.coffer("config", "generate", "--destination", "b").status == .exited(0))
    #expect(FileManager.default.fileExists(atPath: "\(ground.folder)/b"))
  }

  @Test("With --json standard output holds JSON and nothing else, whatever else is asked for")
  func json() throws {
    for arguments in [
      ["create", "--list", "--stats", "--json"], ["create", "--dry-run", "--json"],
      ["create", "prune", "repo-list", "--keep-daily", "1", "--list", "--stats", "--json"], ["list", "--json"],
      ["list", "--archive", "latest", "--short", "--json"], ["repo-info", "info", "--json"],
      ["config", "show", "--json"], ["repo-list", "--archive", "--json"],
      ["repo-list", "--json", "--repository", "no"],
    ] {
      let run = try ground.coffer(arguments)
      let isArray = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) is [Any]
      #expect(isArray, "\(arguments): \(run.output)")
      // What failed is told there, too.
      if run.status != .exited(0) {
        #expect(run.json.last?["status"] as? String == "error", "\(arguments): \(run.output)")
        #expect(run.json.last?["suggestions"] is [String] && run.json.last?["subject"] is String, "\(arguments)")
      }
    }
    let listed = try ground.coffer("create", "--list", "--json")
    #expect(listed.errors.contains("files/note.txt"))
  }
}
