import Foundation
import Testing

@Suite("Doctor, end to end", .serialized)
struct DoctorTests {
  private let ground = try! Playground()

  private func findings(_ arguments: String...) throws -> (run: Playground.Outcome, lines: [String]) {
    let run = try ground.coffer(["doctor"] + arguments)
    return (run, run.output.split(separator: "\n").map(String.init))
  }

  /// What is below the folder, with sizes and times: whatever is changed is seen.
  private func tree() throws -> String { try ground.run("find", ".", "-printf", "%p %s %m %T@ %C@\n") }

  @Test("What is well and what must be done is told in a line each, and nothing is changed")
  func all() throws {
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    try ground.write("passphrase", "correct horse\n")
    try ground.configure(
      """
      encryption_passcommand: cat \(ground.folder)/passphrase
      unlock_timeout: 0
      user_state_directory: \(ground.folder)/state
      backup_within: 1 day
      checks: [{name: repository, frequency: 1 second}]
      sqlite_databases:
        - {name: shop, path: \(ground.folder)/shop.db}
      """)
    let none = try findings()
    #expect(none.run.status == .exited(1), "\(none.run)")
    #expect(none.lines.contains { $0.hasPrefix("TO DO   repository: repository \(ground.repository)") }, "\(none.run)")
    #expect(none.lines.contains { $0.hasPrefix("ok      databases: sqlite database 'shop'") })

    try ground.coffer("repo-create", "-e", "repokey")
    #expect(try ground.coffer("create").status == .exited(0))
    let before = try tree()
    let well = try findings()
    #expect(well.run.status == .exited(0), "\(well.run)")
    for name in [
      "configuration", "permissions", "databases", "repository", "space", "clock", "backup", "check", "proof",
    ] {
      #expect(well.lines.contains { $0.dropFirst(8).hasPrefix("\(name): ") }, "\(name): \(well.run)")
    }
    #expect(!well.run.output.contains("TO DO") && well.run.output.contains("only its owner can read the passphrase"))
    // The output is redirected into the folder, runs have a folder there, and what need not be read again is kept there.
    func stable(_ tree: String) -> [Substring] {
      tree.split(separator: "\n").filter { line in
        ![". ", "./stderr ", "./run", "./.cache"].contains { line.hasPrefix($0) }
      }
    }
    #expect(stable(try tree()) == stable(before))

    try ground.run("chmod", "644", "passphrase")
    try ground.run("rm", "shop.db")
    let ill = try ground.coffer("doctor", "--json")
    #expect(ill.status == .exited(1))
    let report = try #require(ill.json.first?["findings"] as? [[String: Any]])
    func problem(_ examination: String, _ text: String) -> [String: Any]? {
      report.first {
        $0["examination"] as? String == examination && $0["grade"] as? String == "problem"
          && (text.isEmpty || ($0["text"] as? String)?.contains(text) == true)
      }
    }
    func remedy(_ text: String) -> String? { problem("permissions", text)?["remedy"] as? String }
    #expect(remedy("other users can read it") == "chmod 600 \(ground.folder)/passphrase")
    #expect(problem("databases", "")?["subject"] as? String == "sqlite database 'shop' at localhost", "\(ill.output)")
    #expect(ill.json.first?["problems"] as? Int == report.count { $0["grade"] as? String == "problem" })

    // Nothing is done that such a file says, not even to look.
    try ground.run("chmod", "666", "config.yaml")
    let open = try findings()
    #expect(open.run.status == .exited(1) && open.lines.count == 1, "\(open.run)")
    #expect(open.lines.first?.hasSuffix("-> chmod go-w \(ground.folder)/config.yaml") == true, "\(open.run)")

    try ground.write("config.yaml", "repositorys: []\n")
    let invalid = try findings()
    #expect(invalid.run.status == .exited(1) && invalid.lines[0].hasPrefix("TO DO   configuration: "), "\(invalid.run)")
  }
}
