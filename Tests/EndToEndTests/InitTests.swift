import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("From nothing to the first backup", .serialized)
struct InitTests {
  private let ground = try! Playground()

  @Test(
    "Servers and files are found and tried, a file is written that is valid, the repository is made, and all is kept")
  func all() throws {
    let server = try PostgreSQLServer(1)
    try server.recreate("found by init")
    try server.run("CREATE TABLE t AS SELECT generate_series(1, 100) AS a", in: "found by init")
    defer { try? server.drop("found by init") }
    try ground.run("mkdir", "-p", "data/deep")
    for name in ["data/shop.db", "data/deep/shop.sqlite", "data/it's <odd>: \"#.db"] {
      try ground.run("sqlite3", name, "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    }
    try ground.write("data/none.db", "no database\n")
    try ground.run("ln", "-s", "/etc", "data/link")
    // The servers of the tests want a password, which the second does not know.
    ground.environment["PGPASSWORD"] = server.password
    ground.environment["COFFER_PASSPHRASE"] = nil
    let config = "\(ground.folder)/etc/coffer/config.yaml"
    let words = ["init", "--config", config, "--to", "\(ground.folder)/backups", "--sqlite", "data"]

    let dry = try ground.exactly(words + ["--dry-run"])
    #expect(dry.status == .exited(0) && dry.output.contains("Would write \(config)"), "\(dry)")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/etc"))
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/backups"))

    let run = try ground.exactly(words)
    #expect(run.status == .exited(0), "\(run)")
    let text = try String(contentsOfFile: config, encoding: .utf8)
    // What it says of servers that cannot be reached changes with those of other tests.
    for line in text.split(separator: "\n") where !line.contains("#") {
      #expect(dry.output.contains(line), "\(line) in \(dry)")
    }
    #expect(run.output.contains(".s.PGSQL.\(server.port): reached"), "\(run)")
    #expect(run.errors.contains("could not be reached"), "\(run)")
    for name in ["shop", "shop-2"] { #expect(text.contains("- name: \"\(name)\""), "\(text)") }
    #expect(text.contains("- name: \"it's <odd>: \\\"#\"") && !text.contains("none.db"), "\(text)")
    for name in ["config.yaml", "passphrase"] {
      let facts = try FileManager.default.attributesOfItem(atPath: "\(ground.folder)/etc/coffer/\(name)")
      #expect(facts[.posixPermissions] as? Int == 0o600)
    }
    let folder = try FileManager.default.attributesOfItem(atPath: "\(ground.folder)/etc/coffer")
    #expect(folder[.posixPermissions] as? Int == 0o700)
    let secret = try String(contentsOfFile: "\(ground.folder)/etc/coffer/passphrase", encoding: .utf8)
    #expect(secret.utf8.count == 45 && Data(base64Encoded: secret.dropLast().description)?.count == 32)
    #expect(!run.output.contains(secret.dropLast()) && !run.errors.contains(secret.dropLast()))
    #expect(run.output.contains("Keep at a second place") && run.output.contains("17 3 * * *"))

    let valid = try ground.exactly(["config", "validate", "--config", config])
    #expect(valid.status == .exited(0) && valid.errors == "", "\(valid)")
    let create = try ground.exactly(["create", "--config", config, "--on-dump-error", "keep-others"])
    #expect(!create.errors.contains("found by init"), "\(create)")
    let list = try ground.exactly(["list", "--config", config, "--archive", "latest"])
    for name in ["found by init", "shop", "shop-2", "it's <odd>"] { #expect(list.output.contains(name), "\(list)") }

    // What is there stays, byte for byte; what is missing is made.
    try ground.run("rm", "-r", "backups")
    let again = try ground.exactly(words)
    #expect(
      again.status == .exited(0) && again.output.contains("\(config): It is there and stays as it is"), "\(again)")
    #expect(try String(contentsOfFile: config, encoding: .utf8) == text)
    #expect(try String(contentsOfFile: "\(ground.folder)/etc/coffer/passphrase", encoding: .utf8) == secret)
    #expect(try ground.exactly(["repo-info", "--config", config]).status == .exited(0))
  }

  @Test("Stopped between its files it goes on with the passphrase that is there; without an answer it writes nothing")
  func stopped() throws {
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    ground.environment["COFFER_PASSPHRASE"] = nil
    let config = "\(ground.folder)/etc/config.yaml"
    let words = ["init", "--config", config, "--no-servers", "--sqlite", "shop.db"]
    let nowhere = try ground.exactly(words)
    #expect(nowhere.status == .exited(1) && nowhere.errors.contains("--to /mnt/backup/databases"), "\(nowhere)")
    let nothing = try ground.exactly(["init", "--config", config, "--no-servers", "--to", "\(ground.folder)/backups"])
    #expect(nothing.status == .exited(1) && nothing.errors.contains("Nothing was found"), "\(nothing)")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/etc"))

    try ground.write("etc/passphrase", "mine\n")
    let run = try ground.exactly(words + ["--to", "\(ground.folder)/backups", "--backup"])
    #expect(run.status == .exited(0), "\(run)")
    #expect(try String(contentsOfFile: "\(ground.folder)/etc/passphrase", encoding: .utf8) == "mine\n")
    ground.environment["COFFER_PASSPHRASE"] = "mine"
    let list = try ground.exactly(["list", "--config", config, "--archive", "latest"])
    #expect(list.status == .exited(0) && list.output.contains("shop"), "\(list)")
    let doctor = try ground.exactly(["doctor", "--config", config])
    #expect(doctor.status == .exited(0), "\(doctor)")
  }

  @Test("At a terminal it asks where to, what, and whether to begin; what is declined is not backed up")
  func questions() throws {
    for name in ["my data/a.db", "my data/b.db"] {
      try ground.run("mkdir", "-p", "my data")
      try ground.run("sqlite3", name, "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    }
    ground.environment["COFFER_PASSPHRASE"] = nil
    let config = "\(ground.folder)/etc/config.yaml"
    let words = ["init", "--config", config, "--no-servers"]
    let run = try ground.atTerminal(
      words,
      [
        ("Where are backups to be kept?", "backups"),
        ("Folders to look for SQLite databases in", "'my data' elsewhere"),
      ])
    #expect(run.code == 1 && run.said.contains("elsewhere"), "\(run)")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/etc"))

    let second = try ground.atTerminal(
      words,
      [
        ("Where are backups to be kept?", "backups"), ("Folders to look for SQLite databases in", "'my data'"),
        ("Back up SQLite database \(ground.folder)/my data/a.db? [Y/n] ", ""),
        ("Back up SQLite database \(ground.folder)/my data/b.db? [Y/n] ", "No"),
        ("Make the first backup now? [Y/n] ", "yes"),
      ])
    #expect(second.code == 0 && second.echoes, "\(second)")
    #expect(second.said.contains("Archive ") && !second.said.contains("Make the first backup:"), "\(second)")
    let text = try String(contentsOfFile: config, encoding: .utf8)
    #expect(text.contains("path: \"\(ground.folder)/backups\"") || text.contains("path: \(ground.folder)/backups"))
    let items = try #require(
      try ground.exactly(["list", "--config", config, "--archive", "latest", "--json"]).json.first?["items"]
        as? [[String: Any]])
    let dumps = items.compactMap { ($0["dump"] as? [String: Any])?["data_source_name"] as? String }
    #expect(dumps == ["a"], "\(items)")
  }

  @Test("Ctrl-C at a question ends the program at once, and leaves everything and the terminal as they were")
  func interrupted() throws {
    let stop = Playground.interrupt
    try ground.run("sqlite3", "a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    let config = "\(ground.folder)/etc/config.yaml"
    let words = ["init", "--config", config, "--no-servers", "--sqlite", "a.db"]
    let dialogues: [[(shown: String, typed: String)]] = [
      [("Where are backups to be kept?", stop)],
      [("Where are backups to be kept?", "backups"), ("Back up SQLite database", stop)],
    ]
    for answers in dialogues {
      let run = try ground.atTerminal(words, answers)
      #expect(run.code == 130 && run.echoes, "\(run)")
      #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/etc"))
    }
    try ground.configure("sqlite_databases: [{name: a, path: \(ground.folder)/a.db}]\n")
    try ground.succeed("repo-create", "--encryption", "repokey")
    try ground.succeed("create")
    let file = ["--config", "\(ground.folder)/config.yaml"]
    let before = try ground.run("sha256sum", "a.db")
    for (action, shown) in [
      (["delete", "--archive", "latest"], "[y/N]"), (["restore", "--archive", "latest"], "[y/N]"),
    ] {
      let run = try ground.atTerminal(file + action, [(shown, stop)])
      #expect(run.code == 130 && run.echoes, "\(action): \(run)")
      let declined = try ground.atTerminal(file + action, [(shown, "")])
      #expect(declined.code == 1 && declined.said.contains("Nothing was changed"), "\(action): \(declined)")
    }
    let secret = try ground.atTerminal(file + ["repo-list"], withoutPassphrase: true, [("Passphrase for", stop)])
    #expect(secret.code == 130 && secret.echoes, "\(secret)")
    #expect(try ground.archives().count == 1 && ground.run("sha256sum", "a.db") == before)
  }
}
