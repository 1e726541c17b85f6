import CofferSystem
import Foundation
import Testing

@Suite("The main job, with the built program")
struct MainJobTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run(
      "sqlite3", "app.db",
      "PRAGMA user_version = 5; CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, 'row ' || i FROM n;"
    )
    try ground.write("files/sub/note.txt", "a note")
    try ground.run(
      "sh", "-c",
      "chmod 640 files/sub/note.txt; touch -d '2020-02-03 04:05:06.789' files/sub/note.txt; ln -s sub/note.txt files/link; mkfifo files/pipe; chmod 711 files/sub"
    )
    try ground.write("common.yaml", "sqlite_databases:\n  - name: app\n    path: \(ground.folder)/app.db\n")
    try ground.configure("<<: !include common.yaml\nsource_directories: [\(ground.folder)/files]\n")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  @Test("Creating a repository twice does nothing, with another mode it is refused")
  func repoCreate() throws {
    let id = try ground.coffer("repo-info", "--json").json.first?["repository"] as? [String: Any]
    let again = try ground.coffer("repo-create", "--encryption", "repokey-blake2")
    #expect(again.status == .exited(0) && again.errors.isEmpty && again.output.isEmpty)
    let after = try ground.coffer("repo-info", "--json").json.first?["repository"] as? [String: Any]
    #expect(id?["id"] as? String == after?["id"] as? String)
    let other = try ground.coffer("repo-create", "--encryption", "keyfile")
    #expect(other.status == .exited(1))
    #expect(other.errors.contains("A repository exists with encryption repokey, not keyfile"))
    try ground.write("other.yaml", "repositories:\n  - path: \(ground.folder)/files\n")
    let foreign = try ground.coffer("--config", "other.yaml", "repo-create", "-e", "repokey")
    #expect(foreign.status == .exited(1) && foreign.errors.contains("not empty and holds no repository"))
  }

  @Test("What is backed up twice is listed, informed about, checked, and says nothing in cron")
  func backup() throws {
    for _ in 1...2 {
      let run = try ground.coffer("create")
      #expect(run.status == .exited(0) && run.output.isEmpty && run.errors.isEmpty, "\(run.errors)")
    }
    #expect(ground.leftovers().isEmpty)
    #expect(try ground.archives().count == 2)
    let list = try ground.coffer("list", "--archive", "latest").output
    #expect(list.contains("sqlite") && list.contains("app") && list.contains("note.txt"))
    let object = try #require(try ground.coffer("list", "--archive", "latest", "--json").json.first)
    let items = try #require(object["items"] as? [[String: Any]])
    let dump = try #require(items.first { $0["dump"] != nil }?["dump"] as? [String: Any])
    #expect(dump["data_source_name"] as? String == "app")
    #expect(dump["hook_name"] as? String == "sqlite_databases")
    // Never read: it is an entry without content.
    #expect(items.first { ($0["path"] as? String)?.hasSuffix("pipe") == true }?["type"] as? String == "p")

    let info = try #require(try ground.coffer("info", "--archive", "latest", "--json").json.first)
    let archive = try #require((info["archives"] as? [[String: Any]])?.first)
    for key in ["name", "id", "start", "end", "duration", "comment", "command_line", "hostname", "username", "stats"] {
      #expect(archive[key] != nil, "\(key)")
    }
    let stats = try #require(archive["stats"] as? [String: Any])
    #expect(try #require(stats["deduplicated_size"] as? Int) < 40_000)
    #expect(try #require(stats["original_size"] as? Int) > 500_000)
    let listed = try #require(try ground.coffer("repo-list", "--json").json.first)
    #expect((listed["repository"] as? [String: Any])?["label"] as? String == "")
    #expect((listed["encryption"] as? [String: Any])?["mode"] as? String == "repokey")
    #expect(try ground.coffer("info").output.contains("Archive:"))
    for level in ["1", "2", "3", "4"] {
      let check = try ground.coffer("check", "--level", level, "-v", "1")
      #expect(check.status == .exited(0) && check.errors.contains("are whole"), "\(check.errors)")
    }
  }

  @Test("A database comes back to another file and to its own, and the plan is shown first")
  func restore() throws {
    try ground.coffer("create")
    let before = try ground.run("sqlite3", "app.db", ".dump")
    let plan = try ground.coffer("restore", "--archive", "latest", "--dry-run")
    #expect(plan.output.contains("Would restore") && plan.output.contains("is replaced"))
    try ground.coffer(
      "restore", "--archive", "latest", "--database", "app", "--restore-path", "\(ground.folder)/new.db")
    #expect(try ground.run("sqlite3", "new.db", ".dump") == before)
    try ground.run("sqlite3", "app.db", "DROP TABLE t; CREATE TABLE other(x);")
    let restored = try ground.coffer("restore", "--archive", "latest")
    #expect(restored.status == .exited(0), "\(restored.errors)")
    #expect(try ground.run("sqlite3", "app.db", ".dump") == before)
    #expect(try ground.run("sqlite3", "app.db", "PRAGMA user_version") == "5\n")
    let missing = try ground.coffer("restore", "--archive", "latest", "--database", "ap")
    #expect(missing.status == .exited(1))
    #expect(missing.errors.contains("holds no such dump") && missing.errors.contains("--database app"))
  }

  @Test("At a terminal a restore asks before it replaces anything; --yes and jobs are not asked")
  func confirmation() throws {
    try ground.coffer("create")
    let restore = "COFFER_PASSPHRASE='correct horse' '\(ground.binary)' --config config.yaml restore --archive latest"
    func atTerminal(_ command: String, _ answer: String) throws -> String {
      try ground.run("script", "-qec", command, "/dev/null", input: answer)
    }
    try ground.run("sqlite3", "app.db", "CREATE TABLE newer(a)")
    // That nothing was done is no success.
    let refused = try atTerminal(restore + "; test $? = 1", "n\n")
    #expect(refused.contains("To restore:") && refused.contains("Go on? [y/N]"), "\(refused)")
    #expect(refused.contains("Nothing was changed"))
    #expect(try ground.run("sqlite3", "app.db", ".tables").contains("newer"))
    #expect(try atTerminal(restore + " --yes", "").contains("Go on?") == false)
    #expect(try !ground.run("sqlite3", "app.db", ".tables").contains("newer"))
    try ground.run("sqlite3", "app.db", "CREATE TABLE newer(a)")
    #expect(try atTerminal(restore, "y\n").contains("Restored"))
    #expect(try !ground.run("sqlite3", "app.db", ".tables").contains("newer"))
  }

  @Test("At a terminal a deletion asks, and one Ctrl-C ends a question")
  func deletion() throws {
    try ground.coffer("create")
    let delete = "COFFER_PASSPHRASE='correct horse' '\(ground.binary)' --config config.yaml delete --archive latest"
    let declined = try ground.run("script", "-qec", delete + "; test $? = 1", "/dev/null", input: "\n")
    #expect(declined.contains("Delete archive ") && declined.contains("? [y/N]"), "\(declined)")
    #expect(try ground.archives().count == 1)
    let command = "trap : INT; \(delete); test $? = 130"
    let start = Date()
    let stopped = try ground.run(
      "sh", "-c", "(sleep 2; printf '\\003'; sleep 8) | script -qec \"$0\" /dev/null", command)
    #expect(stopped.contains("Stopped on request"), "\(stopped)")
    #expect(Date().timeIntervalSince(start) < 30)
    #expect(try ground.archives().count == 1)
    try ground.run("script", "-qec", delete, "/dev/null", input: "yes\n")
    #expect(try ground.archives().isEmpty)
    try ground.coffer("create")
    // A job has nobody to ask.
    #expect(try ground.coffer("delete", "--archive", "latest").status == .exited(0))
    #expect(try ground.archives().isEmpty)
  }

  @Test("Files come back with modes, times and links, below the destination only")
  func extract() throws {
    try ground.coffer("create")
    try ground.run("mkdir", "out")
    let run = try ground.coffer(
      "extract", "--archive", "latest", "--path", "\(ground.folder)/files", "--destination", "out")
    #expect(run.status == .exited(0), "\(run.errors)")
    let root = "out\(ground.folder)/files"
    #expect(try ground.run("cat", "\(root)/link") == "a note")
    #expect(
      try ground.run("stat", "-c", "%a %.Y", "\(root)/sub/note.txt", "files/sub/note.txt")
        .split(separator: "\n").reduce(into: Set<Substring>()) { $0.insert($1) }.count == 1)
    #expect(try ground.run("stat", "-c", "%a", "\(root)/sub") == "711\n")
    try ground.run("mkdir", "flat")
    try ground.coffer(
      "extract", "--archive", "latest", "--path", "coffer/sqlite_databases", "--destination", "flat",
      "--strip-components", "all")
    #expect(
      try ground.run("sh", "-c", "sqlite3 flat/new.db < flat/app && sqlite3 flat/new.db 'SELECT count(*) FROM t'")
        .hasSuffix("20000\n"))
    // A link that stands where a folder belongs is not followed.
    let first = String(ground.folder.split(separator: "/")[0])
    try ground.run("sh", "-c", "mkdir trap elsewhere && ln -s ../elsewhere 'trap/\(first)'")
    let trapped = try ground.coffer(
      "extract", "--archive", "latest", "--path", "\(ground.folder)/files", "--destination", "trap")
    #expect(trapped.status == .exited(1) && trapped.errors.contains("A link or a file stands"))
    #expect(try ground.run("ls", "elsewhere").isEmpty)
  }

  @Test("The configuration, with what it includes, comes back from the repository alone")
  func bootstrap() throws {
    try ground.run("sh", "-c", "mv common.yaml real.yaml && ln -s real.yaml common.yaml")
    try ground.coffer("create")
    let original = try ground.run("cat", "config.yaml", "common.yaml")
    try ground.run("sh", "-c", "rm config.yaml common.yaml real.yaml; mkdir bare")
    let run = try ground.coffer("config", "bootstrap", "--repository", ground.repository, "--destination", "bare")
    #expect(run.status == .exited(0), "\(run.errors)")
    let inside = "bare\(ground.folder)"
    #expect(try ground.run("cat", "\(inside)/config.yaml", "\(inside)/common.yaml") == original)
    let names = ["config.yaml", "common.yaml", "real.yaml"].sorted()
    let told = run.output.split(separator: "\n").map(String.init).sorted()
    #expect(told.count == 3)
    for name in names {
      #expect(told.contains { $0.hasPrefix("Brought back bare\(ground.folder)/\(name) from ") }, "\(told)")
    }
  }

  @Test("The configuration is taken from this host's archives only, and written where the user says")
  func bootstrapWithCare() throws {
    try ground.coffer("create")
    let base = ["config", "bootstrap", "--repository", ground.repository]
    let nowhere = try ground.coffer(base)
    #expect(nowhere.status == .exited(1) && nowhere.errors.contains("--destination"), "\(nowhere.errors)")
    for choice in [["--host", "another"], ["--host", "another", "--archive", try ground.archives()[0]]] {
      let foreign = try ground.coffer(base + ["--destination", "back"] + choice)
      #expect(foreign.status == .exited(1) && foreign.errors.contains("There is no such archive of host 'another'"))
      #expect(foreign.errors.contains("add --host \(ProcessInfo.processInfo.hostName)"), "\(foreign.errors)")
      #expect(access("\(ground.folder)/back", F_OK) != 0)
    }
    let dry = try ground.coffer(base + ["--destination", "back", "--dry-run"])
    #expect(dry.status == .exited(0) && dry.output.contains("  back\(ground.folder)/config.yaml"), "\(dry.output)")
    #expect(access("\(ground.folder)/back", F_OK) != 0)
    let made = try ground.coffer(base + ["--destination", "\(ground.folder)/back/", "--strip-components", "all"])
    #expect(made.status == .exited(0), "\(made.errors)")
    #expect(made.output.contains("Brought back \(ground.folder)/back/config.yaml from "), "\(made.output)")
    #expect(access("\(ground.folder)/back/config.yaml", F_OK) == 0)
    #expect(try ground.coffer(base + ["--destination", "back", "--strip-components", "abc"]).status == .exited(1))
  }

  @Test("A dry run changes nothing")
  func dryRun() throws {
    let before = try ground.run("sh", "-c", "find . -type f ! -name stderr | sort | xargs sha256sum")
    let run = try ground.coffer("create", "--dry-run")
    #expect(run.status == .exited(0) && run.output.contains("Would dump sqlite database 'app'"))
    #expect(try ground.run("sh", "-c", "find . -type f ! -name stderr | sort | xargs sha256sum") == before)
    #expect(ground.leftovers().isEmpty)
  }

  @Test("A deleted archive is gone, and the others are as they were")
  func delete() throws {
    try ground.coffer("create")
    try ground.coffer("create")
    let names = try ground.archives()
    #expect(try ground.coffer("delete", "--archive", names[0]).status == .exited(0))
    #expect(try ground.archives() == [names[1]])
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    #expect(try ground.coffer("delete", "--archive", names[0]).errors.contains("There is no such archive"))
  }

  @Test("The passphrase comes from a command too; a wrong or missing one is told, and nothing waits for a terminal")
  func passphrases() throws {
    ground.environment["COFFER_PASSPHRASE"] = "wrong"
    let wrong = try ground.coffer("create")
    #expect(wrong.status == .exited(1) && wrong.errors.contains("The passphrase opens no key"))
    ground.environment["COFFER_PASSPHRASE"] = nil
    let missing = try ground.coffer("repo-list")
    #expect(missing.status == .exited(1) && missing.errors.contains("no terminal to ask on"))
    ground.environment["COFFER_PASSCOMMAND"] = "echo correct horse"
    #expect(try ground.coffer("create").status == .exited(0))
  }

  @Test("Configuration mistakes are told with file, line, column and the nearest name")
  func validate() throws {
    #expect(try ground.coffer("config", "validate").output.contains("is valid"))
    try ground.configure("sqlite_database:\n  - name: x\n")
    let run = try ground.coffer("config", "validate")
    #expect(run.status == .exited(1))
    #expect(
      run.errors.contains("config.yaml:3:1: Unknown option 'sqlite_database'\n  Did you mean 'sqlite_databases'?"))
    try ground.coffer("config", "generate", "--destination", "generated.yaml")
    #expect(try ground.coffer("--config", "generated.yaml", "config", "validate").status == .exited(0))
    #expect(try ground.run("stat", "-c", "%a", "generated.yaml") == "600\n")
  }

  @Test("Help teaches every action, the version is bare, and slips get a suggestion")
  func help() throws {
    #expect(try ground.coffer("--version").output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    let help = try ground.coffer("--help").output
    for action in [
      "repo-create", "create", "check", "list", "info", "restore", "extract", "delete", "config bootstrap",
    ] {
      #expect(help.contains("  \(action)"))
      let words = action.split(separator: " ").map(String.init)
      let own =
        words.count == 2 ? try ground.coffer(words[0], words[1], "--help") : try ground.coffer(words[0], "--help")
      #expect(own.status == .exited(0) && own.output.contains("usage: coffer \(action)"))
    }
    #expect(try ground.coffer("crate").errors.contains("Did you mean 'create'?"))
    #expect(try ground.coffer("list", "--archiv", "x").errors.contains("Did you mean '--archive'?"))
    #expect(try ground.coffer("restore").errors.contains("The flag --archive is missing"))
  }
}
