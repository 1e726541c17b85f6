import Foundation
import Testing

@Suite("Dumps as streams and files, and what changed between archives, with the built program")
struct DumpAndDiffTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    for name in ["shop", "users", "old"] {
      try ground.run("sqlite3", "\(name).db", "CREATE TABLE t(a); INSERT INTO t VALUES (hex(randomblob(300000)));")
    }
    try ground.write("files/same.txt", "same")
    try ground.write("files/edited.txt", "before")
    try ground.write("files/gone.txt", "gone")
    try configure(["shop", "users", "old"])
    try ground.succeed("repo-create", "--encryption", "repokey")
    try create()
  }

  private func configure(_ databases: [String]) throws {
    let entries = databases.map { "  - {name: \($0), path: \(ground.folder)/\($0).db}\n" }.joined()
    try ground.configure(
      "archive_name_format: 'a-{now}'\nsource_directories: [\(ground.folder)/files]\nsqlite_databases:\n" + entries)
  }

  private func create() throws { try ground.succeed("create") }

  private func changes(_ arguments: String...) throws -> [String: [String: Any]] {
    let run = try ground.coffer(["diff", "--json"] + arguments)
    try #require(run.status == .exited(0), "\(run.errors)")
    let list = try #require(run.json.first?["changes"] as? [[String: Any]])
    return Dictionary(
      uniqueKeysWithValues: list.map { change in
        let dump = change["dump"] as? [String: Any]
        let path = (change["path"] as? String)?.split(separator: "/").last.map(String.init)
        return (dump?["data_source_name"] as? String ?? path ?? "", change)
      })
  }

  @Test("diff says what was added, removed and changed, with bytes, and nothing of what stayed")
  func diff() throws {
    // One row of 10,000 bytes more: its text, its hex digits once, and what of the dump is cut anew around it.
    try ground.run("sqlite3", "shop.db", "INSERT INTO t VALUES (hex(randomblob(5000)));")
    try ground.run("sqlite3", "fresh.db", "CREATE TABLE t(a);")
    try ground.write("files/edited.txt", "behind")
    try ground.write("files/new.txt", "new")
    try FileManager.default.removeItem(atPath: "\(ground.folder)/files/gone.txt")
    chmod("\(ground.folder)/files/same.txt", 0o640)
    try configure(["shop", "users", "fresh"])
    try create()
    let names = try ground.archives()
    let found = try changes(names[0], "latest")
    #expect(
      found.mapValues { $0["type"] as? String } == [
        "shop": "modified", "fresh": "added", "old": "removed", "edited.txt": "modified", "new.txt": "added",
        "gone.txt": "removed", "same.txt": "modified",
        // The configuration is among the files.
        "config.yaml": "modified",
      ])
    let shop = try #require(found["shop"])
    let added = try #require(shop["added"] as? Int)
    #expect(added >= 10_000 && added < 100_000, "\(added)")
    #expect(found["new.txt"]?["added"] as? Int == 3 && found["gone.txt"]?["removed"] as? Int == 4)
    #expect(found["edited.txt"]?["added"] as? Int == 6 && found["edited.txt"]?["removed"] as? Int == 6)
    let mode = try #require(found["same.txt"]?["mode"] as? [String: String])
    #expect(mode == ["from": "600", "to": "640"] && found["same.txt"]?["added"] as? Int == 0)

    let back = try changes("latest", names[0])
    #expect(back["fresh"]?["type"] as? String == "removed" && back["old"]?["type"] as? String == "added")
    #expect(back["shop"]?["removed"] as? Int == added)

    let text = try ground.coffer("diff", names[0], "latest").output
    #expect(text.contains("sqlite fresh") && text.contains("same.txt (mode 600 -> 640)") && !text.contains("users"))
    let same = try ground.coffer("diff", "latest", "latest")
    #expect(same.status == .exited(0) && same.output.contains("hold the same"), "\(same.errors)")
    let unknown = try ground.coffer("diff", "latest", "nothing")
    #expect(unknown.status == .exited(1) && unknown.errors.contains("nothing"))
  }

  @Test("dump gives the same bytes to a pipe, to a file, and to extract --database")
  func dump() throws {
    let piped = try ground.run(
      "sh", "-c", "exec \"\(ground.binary)\" -c config.yaml dump --archive latest --database shop | sqlite3 copy.db")
    #expect(piped.isEmpty)
    for name in ["copy", "shop"] {
      try ground.run("sh", "-c", "sqlite3 \(name).db .dump > \(name).sql")
    }
    try ground.run("cmp", "copy.sql", "shop.sql")
    let written = try ground.coffer("dump", "--archive", "latest", "--database", "shop", "--to", "shop.dump")
    #expect(written.status == .exited(0) && written.output.isEmpty, "\(written.errors)")
    try ground.run(
      "sh", "-c", "\"\(ground.binary)\" -c config.yaml dump --archive latest --database shop --to - > piped")
    try ground.run("cmp", "shop.dump", "piped")
    let extracted = try ground.coffer(
      "extract", "--archive", "latest", "--database", "shop", "--strip-components", "all", "--destination", "out")
    #expect(extracted.status == .exited(0), "\(extracted.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(ground.folder)/out") == ["shop"])
    try ground.run("cmp", "shop.dump", "out/shop")
  }

  @Test("extract takes databases and paths together, and says what there is when there is no such database")
  func extract() throws {
    let both = try ground.coffer(
      "extract", "--archive", "latest", "--database", "shop", "--path", "\(ground.folder)/files/same.txt",
      "--strip-components", "all", "--destination", "out")
    #expect(both.status == .exited(0), "\(both.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(ground.folder)/out").sorted() == ["same.txt", "shop"])
    let none = try ground.coffer("extract", "--archive", "latest", "--database", "shopp", "--destination", "none")
    #expect(none.status == .exited(1) && none.errors.contains("users"), "\(none.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/none"))
  }

  @Test("dump refuses several databases, a file that is there, and writes nothing in a dry run")
  func refusals() throws {
    let several = try ground.coffer("dump", "--archive", "latest")
    #expect(several.status == .exited(1) && several.output.isEmpty && several.errors.contains("--database"))
    try ground.write("there", "kept")
    let there = try ground.coffer("dump", "--archive", "latest", "--database", "shop", "--to", "there")
    #expect(there.status == .exited(1) && there.errors.contains("there already"), "\(there.errors)")
    #expect(try ground.run("cat", "there") == "kept")
    for target in [["--to", "dry"], []] {
      let dry = try ground.coffer(["dump", "--dry-run", "--archive", "latest", "--database", "shop"] + target)
      #expect(dry.status == .exited(0), "\(dry.errors)")
      #expect(!dry.output.contains("CREATE"))
    }
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/dry"))
  }

  @Test("A reader that goes away early is an error: it has not got everything")
  func reader() throws {
    let result = try ground.run(
      "sh", "-c",
      "{ \"\(ground.binary)\" -c config.yaml dump --archive latest --database shop; echo $? >&3; } 3>status 2>said | head -c 10 >/dev/null; cat status said"
    )
    #expect(result.hasPrefix("1\n") && result.contains("standard output"), "\(result)")
  }
}
