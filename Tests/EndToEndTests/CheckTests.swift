import Foundation
import Testing

@Suite("Checks, repairs and retention, with the built program")
struct CheckTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    for number in 0..<20 { try ground.write("files/\(number).txt", String(repeating: "\(number) ", count: 5000)) }
    try ground.run(
      "sqlite3", "\(ground.folder)/shop.db", "CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(3000000));")
    try configure("")
    try ground.coffer("repo-create", "--encryption", "repokey")
    let made = try ground.coffer("create")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private func configure(_ more: String) throws {
    try ground.configure(
      """
      archive_name_format: 'a-{now}'
      source_directories: [\(ground.folder)/files]
      sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]
      user_state_directory: \(ground.folder)/state
      \(more)
      """)
  }

  private func largestPack() throws -> String {
    let paths = try ground.run("find", "\(ground.repository)/packs", "-type", "f", "-size", "+1000k", "-print")
    return try #require(paths.split(separator: "\n").first.map(String.init))
  }

  private func changeByte(of path: String) throws {
    var bytes = try #require(FileManager.default.contents(atPath: path))
    bytes[bytes.count / 2] ^= 1
    chmod(path, 0o600)
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  @Test("A repair says which database of which archive has lost which bytes; after the next backup, that it has healed")
  func repair() throws {
    try changeByte(of: try largestPack())
    let before = try FileManager.default.subpathsOfDirectory(atPath: ground.repository)
    let found = try ground.coffer("check", "--repair")
    #expect(found.status == .exited(1))
    #expect(found.errors.contains("sqlite database 'shop'"), "\(found.errors)")
    #expect(found.errors.contains("bytes, these are in no pack that is whole: "), "\(found.errors)")
    #expect(found.output.contains("nothing was removed"))
    #expect(Set(before).isSubset(of: try FileManager.default.subpathsOfDirectory(atPath: ground.repository)))
    #expect(try ground.coffer("create").status == .exited(0))
    let healed = try ground.coffer("check", "--repair")
    #expect(healed.status == .exited(0), "\(healed.errors)")
    #expect(healed.output.contains("sqlite database 'shop'") && healed.output.contains("are read from another copy"))
    let index = try ground.run("find", "\(ground.repository)/index", "-type", "f")
    for path in index.split(separator: "\n") { try FileManager.default.removeItem(atPath: String(path)) }
    let rebuilt = try ground.coffer("check", "--repair", "--level", "2")
    #expect(
      !rebuilt.output.contains("anew for 0 packs") && rebuilt.output.contains("Index objects were made anew for "))
    #expect(try ground.run("find", "\(ground.repository)/index", "-type", "f").contains("/index/"))
  }

  @Test("A check with a limit of time is made in parts, and counts as made when it came to its end")
  func parts() throws {
    for _ in 0..<3 {
      try ground.run("sqlite3", "\(ground.folder)/shop.db", "UPDATE t SET x = randomblob(40000000);")
      try ground.coffer("create")
    }
    try configure("checks: [{name: data, max_duration: 1, frequency: 1 week}]")
    var ends = 0
    for _ in 0..<200 {
      let run = try ground.coffer("check", "--verbosity", "1")
      try #require(run.status == .exited(0), "\(run.errors)")
      if run.errors.contains("is due on") { break }
      #expect(run.errors.contains("the next check with a limit goes on from there") || run.errors.contains("are whole"))
      ends += run.errors.contains("(level 4)\n") ? 1 : 0
    }
    #expect(ends == 1)
  }

  @Test("spot compares the files with the newest archive, and says how many may differ")
  func spot() throws {
    let tolerances = "count_tolerance_percentage: 10, data_sample_percentage: 100, data_tolerance_percentage: 10"
    try configure("checks: [{name: spot, \(tolerances)}]")
    let same = try ground.coffer("check", "--verbosity", "1")
    #expect(same.status == .exited(0) && same.errors.contains("20 of 20 files were compared"), "\(same.errors)")
    #expect(same.errors.contains("Databases were not compared"))
    try ground.write("files/0.txt", "changed")
    try ground.write("files/1.txt", String(repeating: "1 ", count: 5000))
    #expect(try ground.coffer("check", "--force").status == .exited(0), "one of twenty is within ten per cent")
    for number in 2..<5 { try ground.write("files/\(number).txt", String(repeating: "x ", count: 5000)) }
    let different = try ground.coffer("check", "--only", "spot")
    #expect(different.status == .exited(1) && different.errors.contains("4 of 20 files differ"), "\(different.errors)")
    #expect(different.errors.contains("files/3.txt") && !different.errors.contains("files/7.txt"))
    for number in 10..<15 { try FileManager.default.removeItem(atPath: "\(ground.folder)/files/\(number).txt") }
    let fewer = try ground.coffer("check", "--only", "spot")
    #expect(fewer.errors.contains("There are 15 files to back up, and 20 in archive"), "\(fewer.errors)")
    try configure("")
    #expect(try ground.coffer("check", "--only", "spot").errors.contains("does not say how much may differ"))
    try ground.configure(
      "sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]\nchecks: [{name: spot, \(tolerances)}]\n")
    let databases = try ground.coffer("check", "--force")
    #expect(databases.status == .exited(0) && databases.errors.contains("'spot' compares files"), "\(databases.errors)")
  }

  @Test("prune --json says of every archive by which rule it is kept")
  func pruneJSON() throws {
    for _ in 0..<3 { try ground.coffer("create") }
    let run = try ground.coffer("prune", "--dry-run", "--json", "--keep-last", "2", "--keep-yearly", "1")
    let outcome = try #require(run.json.first)
    #expect(outcome["kept"] as? Int == 3 && outcome["deleted"] as? Int == 1 && outcome["dry_run"] as? Bool == true)
    let archives = try #require(outcome["archives"] as? [[String: Any]])
    #expect(archives.map { $0["reason"] as? String } == ["yearly (oldest) #1", nil, "last #2", "last #1"])
    #expect(archives.map { $0["rule"] as? String } == ["yearly", nil, "last", "last"])
    #expect(archives.map { $0["number"] as? Int } == [1, nil, 2, 1])
    #expect(try ground.archives().count == 4)
    let all = try ground.coffer("prune", "--json")
    #expect(all.json.first?["kept"] as? Int == 4)
    #expect(try ground.coffer("prune", "--keep-last", "1").status == .exited(0))
    #expect(try ground.archives().count == 1)
  }

  @Test("break-lock says that there was nothing to break, and where there is no repository that there is none")
  func breakLock() throws {
    let run = try ground.coffer("break-lock")
    #expect(run.status == .exited(0) && run.output.contains("There was nothing to break"))
    #expect(try ground.coffer("create").status == .exited(0))
    try FileManager.default.removeItem(atPath: ground.repository)
    #expect(try ground.coffer("break-lock").status == .exited(1))
  }

  @Test("A repository that has lost its archives, packs and index is not whole")
  func emptied() throws {
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    for folder in ["packs", "index", "archives"] {
      try FileManager.default.removeItem(atPath: "\(ground.repository)/\(folder)")
    }
    let run = try ground.coffer("check", "--level", "4", "--verbosity", "1")
    #expect(run.status == .exited(1) && run.errors.contains("this machine has seen 1 here"), "\(run.errors)")
    try ground.run("rm", "-rf", "\(ground.folder)/.cache")
    let bare = try ground.coffer("check", "--level", "4", "--verbosity", "1")
    #expect(bare.status == .exited(0) && !bare.errors.contains("whole") && bare.errors.contains("It holds no archive"))
  }
}
