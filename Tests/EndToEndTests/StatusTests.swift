import Foundation
import Testing

@Suite("Status, end to end", .serialized)
struct StatusTests {
  private let ground = try! Playground()

  private func configure(_ more: String = "", databases: String = "") throws {
    try ground.configure(
      "user_state_directory: \(ground.folder)/state\nsqlite_databases:\n"
        + "  - {name: shop, path: \(ground.folder)/shop.db}\n\(databases)\(more)\n")
  }

  @Test("Backups, their growth, what was skipped, what is too old and what was never backed up are told in every form")
  func all() throws {
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES (hex(randomblob(2000)));")
    try configure()
    try ground.coffer("repo-create", "-e", "repokey")
    let empty = try ground.coffer("status")
    #expect(empty.status == .exited(0) && empty.output.contains("No archive yet"), "\(empty)")
    #expect(empty.output.contains("never backed up"))
    #expect(try ground.coffer("create").status == .exited(0))
    try ground.run("sqlite3", "shop.db", "INSERT INTO t VALUES (hex(randomblob(20000)));")

    // What came of a run is not forgotten when the next one has nothing to do.
    try configure("commands: [{after: action, when: [create], run: ['exit 1']}]")
    #expect(try ground.coffer("create").status == .exited(1))
    try configure("schedule: weekly")
    let notDue = try ground.coffer("create", "--verbosity", "1")
    #expect(notDue.status == .exited(0) && "\(notDue)".contains("Nothing to do"), "\(notDue)")
    #expect(try ground.coffer("status").output.contains("Last run: FAILED"))

    // A command says that it is not the time: no success, and no news of the archive before it.
    try configure("commands: [{before: action, when: [create], run: ['exit 75']}]")
    #expect(try ground.coffer("create", "check").status == .exited(0))
    let skipped = try ground.coffer("status")
    #expect(skipped.output.contains("Last run: skipped, because a command said so; it made no backup"), "\(skipped)")
    #expect(skipped.output.contains("sqlite database 'shop' at localhost") && !skipped.output.contains("succeeded"))

    try configure(
      "backup_within: 1 day\n",
      databases: "  - {name: \"<b>late</b>\", path: \(ground.folder)/late.db}\n")
    let page = "\(ground.folder)/status.html"
    let run = try ground.coffer(
      "status", "--json", "--html", page, "--prometheus", "\(ground.folder)/status.prom")
    #expect(run.status == .exited(1))
    #expect(run.errors.contains("sqlite database '<b>late</b>' at localhost"), "\(run)")
    #expect(run.errors.contains("There is no backup"))
    let status = try #require(run.json.first)
    let databases = try #require(status["databases"] as? [[String: Any]])
    #expect(databases.map { $0["data_source_name"] as? String } == ["shop", "<b>late</b>"])
    #expect(databases[0]["state"] as? String == "backed_up" && databases[1]["state"] as? String == "never")
    #expect(databases[0]["overdue"] as? Bool == false && databases[1]["overdue"] as? Bool == true)
    #expect(databases[0]["next_due_from"] as? String == "backup_within")
    let sizes = try #require(databases[0]["history"] as? [[String: Any]]).compactMap { $0["size"] as? Int }
    #expect(sizes.count == 2 && databases[0]["growth"] as? Int == sizes[1] - sizes[0] && sizes[1] > sizes[0])
    #expect((status["last_run"] as? [String: Any])?["outcome"] as? String == "skipped")
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("&lt;b&gt;late&lt;/b&gt;") && !html.contains("<b>late") && html.contains("<polyline"))
    #expect(try FileManager.default.attributesOfItem(atPath: page)[.posixPermissions] as? Int == 0o600)
    let figures = try String(contentsOfFile: "\(ground.folder)/status.prom", encoding: .utf8)
    #expect(figures.contains("place=\"localhost\",database=\"shop\"} 0") && figures.contains("<b>late</b>\"} 1"))

    // An entry that is gone is shown, and nobody is woken for it; retries do not make it younger.
    try ground.configure(
      "user_state_directory: \(ground.folder)/state\nbackup_within: 1 second\nretries: 2\nretry_wait: 60\n"
        + "source_directories: [\(ground.folder)/shop.db]\n")
    Thread.sleep(forTimeInterval: 1.1)
    let old = try ground.coffer("status")
    #expect(old.status == .exited(1) && old.errors.contains("repository \(ground.repository)"))
    #expect(old.output.contains("OVERDUE") && old.output.contains("not configured any more"), "\(old)")
    #expect(!old.errors.contains("Trying"))
    #expect(try ground.coffer("create").status == .exited(0))
    let done = try ground.coffer("status", "--override", "backup_within=1 year")
    #expect(done.status == .exited(0) && done.output.contains("Last run: succeeded"), "\(done)")
  }
}
