import CofferSystem
import Foundation
import Testing

@Suite("Keys, with the built program")
struct KeyTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1)")
    try ground.configure("sqlite_databases:\n  - name: app\n    path: \(ground.folder)/app.db\nunlock_timeout: 0\n")
  }

  private func create(_ mode: String = "repokey") throws {
    let made = try ground.coffer("repo-create", "--encryption", mode)
    try #require(made.status == .exited(0), "\(made.errors)")
    try #require(try ground.coffer("create").status == .exited(0))
  }

  private func keys() throws -> [[String: Any]] {
    try #require(try ground.coffer("key", "list", "--json").json.first?["keys"] as? [[String: Any]])
  }

  private func coffer(with passphrase: String, _ arguments: String...) throws -> Playground.Outcome {
    let before = ground.environment
    defer { ground.environment = before }
    ground.environment["COFFER_PASSPHRASE"] = passphrase
    return try ground.coffer(arguments)
  }

  private func atTerminal(
    _ arguments: [String], _ answers: [(shown: String, typed: String)]
  ) throws -> Playground.TerminalOutcome {
    try ground.atTerminal(
      ["--config", "\(ground.folder)/config.yaml"] + arguments, withoutPassphrase: true, answers)
  }

  @Test("Who makes a repository is told in two lines what to keep, and where")
  func told() throws {
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    #expect(made.output.split(separator: "\n").count == 2, "\(made.output)")
    #expect(made.output.contains("Keep the passphrase at a second place") && made.output.contains("key export"))
    try FileManager.default.removeItem(atPath: ground.repository)
    let file = try ground.coffer("repo-create", "--encryption", "keyfile")
    #expect(file.output.split(separator: "\n").count == 2, "\(file.output)")
    #expect(file.output.contains("/coffer/keys/") && file.output.contains(".key"))
  }

  @Test("A passphrase that was mistyped is asked for again, three times in all; one from elsewhere counts once")
  func attempts() throws {
    try create()
    let typo = ("Passphrase for", "wrong")
    let second = try atTerminal(["repo-list"], [typo, ("Passphrase for", "correct horse")])
    #expect(second.code == 0 && second.said.contains("It opens no key of the repository; again."), "\(second.said)")
    let third = try atTerminal(["repo-list"], [typo, typo, ("Passphrase for", "correct horse")])
    #expect(third.code == 0, "\(third.said)")
    let never = try atTerminal(["repo-list"], [typo, typo, typo, ("Passphrase for", "correct horse")])
    #expect(never.code == 1 && never.said.contains("The passphrase opens no key of the repository"), "\(never.said)")
    #expect(never.said.components(separatedBy: "Passphrase for").count == 4)
    ground.environment["COFFER_PASSPHRASE"] = "wrong"
    let job = try ground.coffer("repo-list")
    #expect(job.status == .exited(1) && !job.errors.contains("again"))
  }

  @Test("A write-only key backs up and lists, neither reads nor deletes, and is gone when it is removed")
  func writeOnly() throws {
    try create()
    ground.environment["COFFER_NEW_PASSPHRASE"] = "web"
    let added = try ground.coffer("key", "add", "--write-only", "--label", "web \u{1b}[31m")
    #expect(added.status == .exited(0) && added.output.contains("Added write-only key"), "\(added.errors)")
    let id = try #require(try keys().first { $0["role"] as? String == "write-only" }?["id"] as? String)
    let list = try ground.coffer("key", "list").output
    #expect(list.contains(id) && list.contains("web \\x1b[31m") && list.contains("in use"), "\(list)")
    #expect(try coffer(with: "web", "create").status == .exited(0))
    #expect(try coffer(with: "web", "repo-list").output.split(separator: "\n").count == 2)
    for action in ["extract", "delete", "restore"] {
      let outcome = try coffer(with: "web", action, "--archive", "latest")
      #expect(outcome.status == .exited(1) && outcome.errors.contains("write-only"), "\(action): \(outcome.errors)")
    }
    #expect(try coffer(with: "web", "key", "remove", "--key", id).status == .exited(1))
    #expect(try ground.coffer("--dry-run", "key", "remove", "--key", id).output.contains("Would remove"))
    let removed = try ground.coffer("key", "remove", "--key", String(id.prefix(10)))
    #expect(removed.status == .exited(0), "\(removed.errors)")
    #expect(try coffer(with: "web", "create").errors.contains("opens no key"))
    #expect(try ground.archives().count == 2)
    #expect(try ground.coffer("check").status == .exited(0))
    #expect(try ground.coffer("restore", "--archive", "latest", "--yes").status == .exited(0))
    let own = try #require(try keys().first { $0["in_use"] as? Bool == true }?["id"] as? String)
    #expect(try ground.coffer("key", "remove", "--key", own).errors.contains("does not remove itself"))
  }

  @Test("A passphrase is changed by option, credential, command, environment and terminal")
  func changed() throws {
    try create()
    try ground.write("two", "two")
    let steps: [(old: String, new: String, arguments: [String])] = [
      ("correct horse", "one", ["--new-passphrase", "one"]),
      ("one", "two", ["--new-passphrase", "{credential file \(ground.folder)/two}"]),
      ("two", "three", ["--new-passcommand", "printf three"]),
    ]
    for step in steps {
      ground.environment["COFFER_PASSPHRASE"] = step.old
      let changed = try ground.coffer(["key", "change-passphrase"] + step.arguments)
      #expect(changed.status == .exited(0), "\(step.new): \(changed.errors)")
      #expect(try ground.coffer("repo-list").status == .exited(1))
      // What was done already is success, also by who knows the old one only.
      let again = try ground.coffer(["key", "change-passphrase"] + step.arguments)
      #expect(again.status == .exited(0) && again.output.contains("already"), "\(again.errors)")
      #expect(try coffer(with: step.new, "repo-list").status == .exited(0))
    }
    let typed = try atTerminal(
      ["key", "change-passphrase"],
      [
        ("Passphrase for", "three"), ("New passphrase for", "four"), ("Once more", "for"), ("New passphrase for", ""),
        ("New passphrase for", "four"), ("Once more", "four"),
      ])
    #expect(typed.code == 0 && typed.said.contains("has the new passphrase"), "\(typed.said)")
    #expect(typed.said.contains("They differ") && typed.said.contains("must not be empty"), "\(typed.said)")
    ground.environment["COFFER_PASSPHRASE"] = "four"
    #expect(try ground.coffer("repo-list").status == .exited(0))
    ground.environment["COFFER_NEW_PASSPHRASE"] = ""
    #expect(try ground.coffer("key", "change-passphrase").errors.contains("The new passphrase is empty"))
    ground.environment["COFFER_NEW_PASSPHRASE"] = nil
    #expect(try ground.coffer("key", "change-passphrase").errors.contains("There is no new passphrase"))
  }

  @Test(
    "A lost keys folder comes back from a text, a page and a page for browsers",
    arguments: ["", "--paper", "--qr-html"])
  func export(form: String) throws {
    try create()
    let file = "\(ground.folder)/exported"
    let exported = try ground.coffer(
      ["key", "export", "--path", file] + (form.isEmpty ? [] : [form]))
    #expect(exported.status == .exited(0), "\(exported.errors)")
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try ground.coffer("key", "export", "--path", file).errors.contains("is there already"))
    #expect(try ground.coffer("key", "import", "--path", file).output.contains("is there already"))
    let id = try #require(try keys().first?["id"] as? String)
    let object = "\(ground.repository)/keys/\(id)"
    let bytes = try #require(FileManager.default.contents(atPath: object))
    try FileManager.default.removeItem(atPath: "\(ground.repository)/keys")
    #expect(try ground.coffer("repo-list").status == .exited(1))
    let imported = try ground.coffer("key", "import", "--path", file)
    #expect(imported.status == .exited(0), "\(imported.errors)")
    #expect(FileManager.default.contents(atPath: object) == bytes)
    #expect(try ground.coffer("restore", "--archive", "latest", "--yes").status == .exited(0))
    // One sign that is wrong: nothing is written.
    try FileManager.default.removeItem(atPath: "\(ground.repository)/keys")
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let mark = form.isEmpty ? "\n" : "\n7: "
    let place = try #require(text.range(of: mark)?.upperBound)
    let wrong: Character = text[place] == "0" ? "1" : "0"
    try ground.write("wrong", text.replacingCharacters(in: place...place, with: String(wrong)))
    let refused = try ground.coffer("key", "import", "--path", "wrong")
    #expect(refused.status == .exited(1))
    #expect(form.isEmpty || refused.errors.contains("line "), "\(refused.errors)")
    #expect(!FileManager.default.fileExists(atPath: object))
  }

  @Test("The lines of a page are typed at the terminal, and one that is mistyped is asked for again")
  func typed() throws {
    try create()
    let page = try ground.coffer("key", "export", "--paper").output
    let lines = page.components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix("repository:") })
    var answers: [(shown: String, typed: String)] = []
    for line in lines[start...] where !line.isEmpty {
      let head = line.components(separatedBy: " ")[0]
      answers.append((head == "end:" ? ":" : head, head == "end:" ? line : String(line.dropFirst(head.count + 1))))
    }
    answers.insert(("3:", "0000 0000 - 0000"), at: 4)
    try FileManager.default.removeItem(atPath: "\(ground.repository)/keys")
    let outcome = try atTerminal(["key", "import", "--paper"], answers)
    #expect(outcome.code == 0 && outcome.said.contains("; again."), "\(outcome.said)")
    #expect(try ground.coffer("repo-list").status == .exited(0))
  }

  @Test("A key file is carried to another machine, exported, and imported where it is lost")
  func keyfile() throws {
    try create("keyfile")
    #expect(try ground.coffer("key", "add", "--new-passphrase", "web").errors.contains("Add '--path FILE'"))
    let file = "\(ground.folder)/carried"
    let added = try ground.coffer("key", "add", "--write-only", "--path", file, "--new-passphrase", "web")
    #expect(added.status == .exited(0), "\(added.errors)")
    try ground.coffer("key", "export", "--path", "\(ground.folder)/own")
    let folder = "\(ground.folder)/.config/coffer/keys"
    try FileManager.default.removeItem(atPath: folder)
    #expect(try coffer(with: "web", "create").status == .exited(1))
    #expect(try ground.coffer("key", "import", "--path", file).status == .exited(0))
    #expect(try coffer(with: "web", "create").status == .exited(0))
    #expect(try coffer(with: "web", "key", "change-passphrase", "--new-passphrase", "net").status == .exited(0))
    #expect(try coffer(with: "web", "repo-list").status == .exited(1))
    #expect(try coffer(with: "net", "create").status == .exited(0))
    try FileManager.default.removeItem(atPath: folder)
    #expect(try ground.coffer("key", "import", "--path", "\(ground.folder)/own").status == .exited(0))
    #expect(try ground.archives().count == 3)
    let id = try #require(try keys().first { $0["role"] as? String == "write-only" }?["id"] as? String)
    #expect(try ground.coffer("key", "remove", "--key", id).status == .exited(0))
    try FileManager.default.removeItem(atPath: folder)
    let back = try ground.coffer("key", "import", "--path", file)
    #expect(back.status == .exited(1) && back.errors.contains("was removed"), "\(back.errors)")
  }

  @Test(
    "A bare machine comes to its data by repository, exported key and passphrase",
    arguments: ["keyfile", "repokey"])
  func bareMachine(mode: String) throws {
    try create(mode)
    let key = "\(ground.folder)/exported"
    #expect(try ground.coffer("key", "export", "--path", key).status == .exited(0))
    let keys = mode == "keyfile" ? "\(ground.folder)/.config/coffer/keys" : "\(ground.repository)/keys"
    try FileManager.default.removeItem(atPath: keys)
    ground.environment["HOME"] = "\(ground.folder)/bare"
    try ground.write("bare/.keep", "")
    try FileManager.default.removeItem(atPath: "\(ground.folder)/config.yaml")
    try FileManager.default.removeItem(atPath: "\(ground.folder)/app.db")
    let bootstrap = [
      "config", "bootstrap", "--repository", ground.repository, "--destination", "\(ground.folder)/back", "--yes",
    ]
    let early = try ground.exactly(bootstrap)
    let command = "coffer key import --repository \(ground.repository)"
    #expect(early.status == .exited(1) && early.errors.contains(command), "\(early.errors)")
    // Without --repository nothing says what is meant, and a file that is named is not done without.
    #expect(try ground.exactly(["key", "import", "--path", key]).errors.contains("configuration"))
    let named = ["--config", "none.yaml", "key", "import", "--repository", ground.repository, "--path", key]
    #expect(try ground.exactly(named).status == .exited(1))
    let imported = try ground.exactly(["key", "import", "--repository", ground.repository, "--path", key])
    #expect(imported.status == .exited(0) && imported.output.contains("Imported key"), "\(imported.errors)")
    let list = try ground.exactly(["key", "list", "--repository", ground.repository])
    #expect(list.status == .exited(0) && list.output.contains("in use"), "\(list.errors)")
    let exported = try ground.exactly(["key", "export", "--repository", ground.repository])
    #expect(exported.output == (try String(contentsOfFile: key, encoding: .utf8)), "\(exported.errors)")
    let brought = try ground.exactly(bootstrap)
    #expect(brought.status == .exited(0), "\(brought.errors)")
    let configuration = "\(ground.folder)/back\(ground.folder)/config.yaml"
    let restored = try ground.exactly(["--config", configuration, "restore", "--archive", "latest", "--yes"])
    #expect(restored.status == .exited(0), "\(restored.errors)")
    #expect(try ground.run("sqlite3", "app.db", "SELECT a FROM t") == "1\n")
  }
}
