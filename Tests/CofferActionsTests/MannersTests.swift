import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("What the program says to people and to programs")
struct MannersTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("manners")
    try ground.write("note.txt", "a note")
    try ground.configure("source_directories: [\(ground.folder)/note.txt]\narchive_name_format: 'one-{now:%f}'")
  }

  private func coffer(_ words: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(words)
  }

  private func objects(_ text: String) throws -> [[String: Any]] {
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("{") || $0.hasPrefix("[") }
    return try lines.flatMap { line -> [[String: Any]] in
      let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
      if let list = value as? [[String: Any]] { return list }
      return [try #require(value as? [String: Any])]
    }
  }

  @Test("Archives are found by the beginning of their ids, by a time, and deleted by a pattern")
  func archives() throws {
    defer { ground.remove() }
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    for _ in 1...2 { #expect(try coffer("create").code == 0) }
    #expect(try coffer("create", "--archive-name-format", "two-{now}").code == 0)
    let lines = try objects(try coffer("repo-list", "--match-archives", "*", "--json-lines").said)
    #expect(lines.count == 3 && lines.allSatisfy { $0["repository"] as? String == "\(ground.folder)/repository" })
    let names = try lines.map { try #require($0["name"] as? String) }
    let ids = try lines.map { try #require($0["id"] as? String) }

    let listed = try objects(try coffer("list", "--archive", String(ids[0].prefix(20)), "--json-lines").said)
    #expect(listed.contains { ($0["path"] as? String)?.hasSuffix("note.txt") == true })
    #expect(try coffer("info", "--archive", String(ids[1].suffix(16).prefix(7)), "--json").said.contains(names[1]))
    let several = try coffer("list", "--archive", String(ids[0].prefix(6)))
    #expect(several.code == 1 && several.said.contains("archives of \(ground.folder)/repository begin like this"))

    let folder = "\(ground.folder)/out"
    let early = try coffer("extract", "--at", "2001-01-01", "--destination", folder)
    #expect(early.code == 1 && early.said.contains("that was begun by"), "\(early.said)")
    #expect(try coffer("extract", "--at", "2999-01-01 00:00Z", "--destination", folder).code == 0)
    #expect(try ground.read("out\(ground.folder)/note.txt") == "a note")
    #expect(try coffer("extract", "--at", "2999-01-01", "--archive", names[0], "--destination", folder).code == 1)

    #expect(try coffer("delete").said.contains("The flag --archive is missing"))
    let rehearsal = try coffer("delete", "--match-archives", "one-*", "--dry-run")
    #expect(rehearsal.code == 0 && rehearsal.said.components(separatedBy: "Would delete archive one-").count == 3)
    #expect(try coffer("delete", "--match-archives", "none-*").code == 1)
    #expect(try coffer("delete", "--match-archives", "one-*").code == 0)
    #expect(try coffer("repo-list", "--short", "--match-archives", "*").said == "\(names[2])\n")
  }

  @Test("An error is an object in JSON, with what to do next; also one of the command line")
  func errors() throws {
    defer { ground.remove() }
    let missing = try #require(try objects(try coffer("repo-list", "--json").said).first)
    #expect(missing["status"] as? String == "error")
    #expect(missing["subject"] as? String == "repository \(ground.folder)/repository")
    #expect(missing["error"] as? String == "There is no repository")
    #expect((missing["suggestions"] as? [String])?.first?.contains("coffer repo-create") == true)
    let usage = try #require(try objects(try coffer("repo-list", "--json", "--nothing").said).first)
    #expect(usage["status"] as? String == "error" && usage["subject"] as? String == "--nothing")
  }

  @Test("Exit codes tell the kind of an error where that is asked for, and 1 else")
  func exitCodes() throws {
    defer { ground.remove() }
    let classes = ["--exit-codes", "classes"]
    func code(_ words: String...) throws -> Int32 {
      try ground.coffer(words + classes).code
    }
    #expect(try coffer("list").code == 1)
    #expect(try code("list") == 7)
    #expect(try code("repo-create", "--encryption", "repokey") == 0)
    #expect(try code("list", "--encryption-passphrase", "wrong") == 6)
    #expect(try code("restore") == 1, "a command line that is not understood has no options")
    #expect(try code("list", "--repository", "/elsewhere") == 2)
    // A check of a repository without an archive warns.
    #expect(try code("check", "--force") == 3)
    #expect(try code("create") == 0)
    #expect(try code("check", "--force") == 0)
    let packs = try #require(FileManager.default.subpaths(atPath: "\(ground.folder)/repository/packs"))
    for name in packs where !name.hasSuffix("/") {
      let path = "\(ground.folder)/repository/packs/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
      chmod(path, 0o600)
      try Data("damaged".utf8).write(to: URL(fileURLWithPath: path))
    }
    #expect(try code("check", "--force", "--only", "data") == 8)
  }

  @Test("Where several things went wrong, the worst decides the exit code")
  func worst() {
    let notes = ExitNotes()
    let damage = DamageFound(repository: "r", count: 1)
    let absent = RepositoryError.notFound(location: "r")
    #expect(notes.code(after: [], .classes) == 0)
    notes.take("warning: something", level: 0)
    #expect(notes.code(after: [], .classes) == 3 && notes.code(after: [], .plain) == 0)
    #expect(notes.code(after: [SeveralErrors([absent, damage, RunCancelled()])], .classes) == 8)
    #expect(notes.code(after: [RepositoryError.sessionExpired(location: "r")], .classes) == 5)
    notes.notePartial()
    #expect(notes.code(after: [RunCancelled()], .classes) == 4 && notes.code(after: [RunCancelled()], .plain) == 1)
    #expect(notes.code(after: [], .classes) == 3)
  }

  @Test(
    "Several repositories or files are put together at the end: in a log, at a terminal, in JSON; one is not, nor is cron told"
  )
  func summary() throws {
    defer { ground.remove() }
    let folder = ground.folder
    try ground.write(
      "config.yaml",
      """
      repositories: [{path: \(folder)/repository, label: near}, {path: \(folder)/second}]
      user_runtime_directory: \(folder)/runtime
      encryption_passphrase: correct horse
      source_directories: [\(folder)/note.txt]
      """)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    #expect(try coffer("create").said == "", "a job has nobody who wonders")
    #expect(try !coffer("repo-list", "-v", "1").said.contains("2 repositories"))
    let said = try coffer("create", "-v", "1").said
    #expect(said.contains("2 repositories: 2 done; "), "\(said)")
    let row = try Regex(#"\n  near +done +[0-9.]+ k?B, [0-9.]+ k?B stored +[0-9.]+ s\n"#)
    #expect(said.contains(row), "\(said)")
    #expect(try !coffer("create", "-v", "1", "--repository", "near").said.contains("1 repository"))

    try FileManager.default.removeItem(atPath: "\(folder)/second")
    try ground.write("more.yaml", try ground.read("config.yaml").replacingOccurrences(of: ", label: near", with: ""))
    let run = try coffer("--config", "\(folder)/more.yaml", "create", "-v", "1", "--log-json", "--json")
    #expect(run.code == 1)
    let objects = try objects(run.said)
    let logged = try #require(objects.first { $0["summary"] != nil && $0["type"] as? String == "log_message" })
    #expect(
      (logged["message"] as? String)?.hasPrefix("4 repositories in 2 configuration files: 2 done, 2 failed, 2 errors; ")
        == true)
    let summary = try #require(
      objects.first { $0["summary"] != nil && $0["type"] == nil }?["summary"] as? [String: Any])
    #expect(summary["done"] as? Int == 2 && summary["failed"] as? Int == 2 && summary["errors"] as? Int == 2)
    let repositories = try #require(summary["repositories"] as? [[String: Any]])
    #expect(repositories.map { $0["outcome"] as? String } == ["done", "failed", "done", "failed"])
    #expect(repositories.map { $0["label"] as? String } == ["near", nil, nil, nil])
    #expect(repositories[2]["configuration"] as? String == "\(folder)/more.yaml")
    #expect(repositories[2]["original_size"] as? Int ?? 0 > 6 && repositories[3]["archive"] is NSNull)
  }

  @Test("What is said can be JSON, an object a line")
  func logJSON() throws {
    defer { ground.remove() }
    let lines = try objects(try coffer("repo-list", "--log-json").said)
    #expect(lines.count == 1 && lines[0]["type"] as? String == "log_message")
    #expect(lines[0]["levelname"] as? String == "ERROR" && lines[0]["error"] as? String == "There is no repository")
    #expect(try #require(lines[0]["time"] as? Double) > 1_700_000_000)
    // A command line that makes no sense is told alike.
    let refused = try coffer("repo-list", "--log-json", "--first", "x")
    let told = try objects(refused.said)
    #expect(refused.code == 1 && told.count == 1 && told[0]["levelname"] as? String == "ERROR", "\(refused.said)")
    #expect(try coffer("repo-create", "-e", "repokey").code == 0)
    try ground.configure("source_directories: [\(ground.folder)/note.txt]\nlog_json: true")
    let made = try objects(try coffer("create", "-v1", "--progress").said)
    #expect(made.contains { $0["levelname"] as? String == "INFO" })
    #expect(made.allSatisfy { ["log_message", "progress"].contains($0["type"] as? String) })
  }

  @Test("'help ACTION' is 'ACTION --help', -V is --version, and -v2 is -v 2")
  func shortForms() throws {
    defer { ground.remove() }
    let program: (Surroundings, Cancellation, StandardOutput) -> Program = {
      Program(surroundings: $0, cancellation: $1, output: $2)
    }
    let parse = { (words: [String]) in try CommandLineParser(actions: CommandTable.actions).parse(words) }
    #expect(try parse(["help", "restore"]).globals.contains(GlobalFlags.help))
    #expect(try parse(["help", "config", "show"]).invocations.map(\.action.name) == ["config show"])
    #expect(try parse(["help"]).isStandard && parse(["help"]).globals.contains(GlobalFlags.help))
    #expect(try ground.coffer(["-V"], program).said == "\(Program.version)\n")
    #expect(try parse(["-v2"]).globals[GlobalFlags.verbosity] == .details)
    #expect(try parse(["-v-1", "create"]).globals[GlobalFlags.verbosity] == .errors)
    #expect(throws: UsageError.self) { try parse(["-x2"]) }
  }

  @Test("A time is that of this machine, or with a Z of UTC; a bare day is its end; what is none is refused")
  func moments() throws {
    setenv("TZ", "UTC", 1)
    tzset()
    func seconds(_ text: String) -> Int? { Moment(text).map { Int($0.date.timeIntervalSince1970.rounded(.down)) } }
    #expect(seconds("2026-01-31") == 1_769_903_999)
    #expect(seconds("2026-01-31 00:00") == 1_769_817_600 && seconds("2026-01-31T00:00:05Z") == 1_769_817_605)
    for text in ["", "2026", "2026-02-30", "2026-13-01", "2026-01-31 24:00", "31.01.2026", "2026-01-31 1:00", "latest"]
    {
      #expect(seconds(text) == nil, "\(text)")
    }
  }
}
