import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Monitoring, with the built program")
struct MonitoringTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    try ground.run("sqlite3", "app.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);")
    try configure("")
    let made = try ground.coffer("repo-create", "--encryption", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private func configure(_ more: String) throws {
    try ground.configure(
      "    label: local\nsqlite_databases:\n  - name: app\n    path: \(ground.folder)/app.db\n" + more)
  }

  private func makeDumpsFail() throws {
    try ground.run("rm", "app.db")
  }

  private func targets(_ server: RecordingHTTPServer) -> [String] { server.requests.map(\.target) }

  @Test("Start comes before the first command, log and finish after the last, and errors after that")
  func order() throws {
    let marks = ground.folder
    let seen = Seen()
    let server = try RecordingHTTPServer { request in
      let files = ["before", "after", "error"].filter { FileManager.default.fileExists(atPath: "\(marks)/\($0)") }
      seen.add("\(request.target) \(files)")
      return .init()
    }
    try configure(
      """
      healthchecks: {ping_url: \(server.url)/hc}
      working_directory: \(ground.folder)
      commands:
        - {before: configuration, run: [touch before]}
        - {after: configuration, run: [touch after]}
        - {after: error, run: [touch error]}

      """)
    let run = try ground.coffer("create", "check")
    #expect(run.status == .exited(0) && run.errors.isEmpty, "\(run.errors)")
    #expect(
      seen.all == ["/hc/start []", #"/hc/log ["before", "after"]"#, #"/hc ["before", "after"]"#])
    #expect(server.requests.allSatisfy { $0.headers["user-agent"]?.hasPrefix("coffer/") == true })
    #expect(server.requests[1].body.contains("Dumping sqlite database 'app'"))
    try ground.run("rm", "before", "after")
    try makeDumpsFail()
    #expect(try ground.coffer("create").status == .exited(1))
    #expect(seen.all.suffix(3) == ["/hc/start []", #"/hc/log ["before", "after"]"#, #"/hc/fail ["before", "after"]"#])
    let body = try #require(server.requests.last?.body)
    #expect(body.contains("error: ") && body.contains("app.db"), "\(body)")
    #expect(FileManager.default.fileExists(atPath: "\(ground.folder)/error"))
  }

  private final class Seen: Sendable {
    private let lines = Monitor<[String]>([])
    func add(_ line: String) { lines.update { $0.append(line) } }
    var all: [String] { lines.update { $0 } }
  }

  @Test("Each file tells its own outcome; what lists, restores or only plans tells nothing")
  func outcomes() throws {
    let server = try RecordingHTTPServer()
    try configure("cronitor: {ping_url: \(server.url)/good}\n")
    try ground.write("d/good.yaml", try ground.run("cat", "config.yaml"))
    try ground.write(
      "d/bad.yaml", "repositories: [{path: \(ground.folder)/none}]\ncronitor: {ping_url: \(server.url)/bad}\n")
    try ground.coffer("create", "--dry-run")
    try ground.coffer("repo-list")
    #expect(targets(server).isEmpty)
    #expect(try ground.coffer("--config", "d", "create").status == .exited(1))
    #expect(targets(server) == ["/bad/run", "/bad/fail", "/good/run", "/good/complete"])
    #expect(try ground.coffer("--config", "d", "create", "--repository", "local").status == .exited(0))
    #expect(targets(server).suffix(2) == ["/good/run", "/good/complete"] && targets(server).count == 6)
    try ground.coffer("restore", "--archive", "latest", "--restore-path", "\(ground.folder)/copy.db")
    #expect(FileManager.default.fileExists(atPath: "\(ground.folder)/copy.db"))
    #expect(targets(server).count == 6)
  }

  @Test("What one repository cannot take is told of that one, although the dumps were read for both")
  func severalRepositories() throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: \(ground.folder)/missing, label: missing}
        - {path: \(ground.repository), label: local}
      sqlite_databases: [{name: app, path: \(ground.folder)/app.db}]
      prometheus: {textfile: \(ground.folder)/coffer.prom}

      """)
    #expect(try ground.coffer("create").status == .exited(1))
    let text = try ground.run("cat", "coffer.prom")
    let place = "{configuration=\"\(ground.folder)/config.yaml\",repository="
    for line in [
      "coffer_databases_succeeded\(place)\"local\"} 1", "coffer_databases_succeeded\(place)\"missing\"} 0",
      "coffer_databases_failed\(place)\"local\"} 0", "coffer_databases_failed\(place)\"missing\"} 1",
    ] {
      #expect(text.contains("\n\(line)\n"), "\(text)")
    }
    #expect(!text.contains("coffer_archive_read_bytes\(place)\"missing\""))
  }

  @Test(
    "A run that a command skips is neither a failure nor a success: only its log is sent",
    arguments: ["repository", "action", "configuration", "everything"])
  func softFailure(step: String) throws {
    let server = try RecordingHTTPServer()
    try configure(
      """
      uptime_kuma: {push_url: \(server.url)/k}
      healthchecks: {ping_url: \(server.url)/hc}
      loki: {url: \(server.url)/loki, labels: {app: coffer}, states: [finish]}
      prometheus: {textfile: \(ground.folder)/coffer.prom}
      commands:
        - {before: \(step), run: [exit 75]}

      """)
    #expect(try ground.coffer("create", "check").status == .exited(0))
    let start = step == "everything" ? [] : ["/hc/start", "/k?status=up&msg=start"]
    #expect(targets(server).sorted() == (start + ["/hc/log", "/loki"]).sorted())
    let log = server.requests.filter { $0.target == "/hc/log" }.map(\.body)
    if step != "everything" { #expect(log[0].contains("Skipped: 'exit 75' failed")) }
    #expect(server.requests.last { $0.target == "/loki" }?.body.contains("config.yaml: skipped") == true)
    let figures = try String(contentsOfFile: "\(ground.folder)/coffer.prom", encoding: .utf8)
    #expect(figures.hasSuffix("\ncoffer_run_skipped{configuration=\"\(ground.folder)/config.yaml\"} 1\n"), "\(figures)")
    #expect(!figures.contains("coffer_run_success") && !figures.contains("last_success"))
  }

  @Test("A run that skips one of its repositories is a success of the others, and says which it skipped")
  func partlySkipped() throws {
    let server = try RecordingHTTPServer()
    try ground.write(
      "config.yaml",
      """
      repositories:
        - {path: \(ground.folder)/away, label: away, commands: [{before: repository, run: [exit 75]}]}
        - {path: \(ground.repository), label: local}
      sqlite_databases: [{name: app, path: \(ground.folder)/app.db}]
      ntfy: {server: "\(server.url)", topic: t, states: [finish]}

      """)
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0), "\(run.errors)")
    #expect(server.requests.count == 1)
    #expect(server.requests[0].body.contains("away: skipped"), "\(server.requests[0].body)")
  }

  @Test("A service that cannot be told is a warning, and the backup is made")
  func unreachable() throws {
    let server = try RecordingHTTPServer { _ in .init(status: 500, body: "out of order") }
    try configure(
      """
      healthchecks: {ping_url: "http://127.0.0.1:1/secret"}
      cronitor: {ping_url: \(server.url)/secret, states: [finish]}
      ntfy: {topic: t, access_token: "{credential file /nowhere}"}

      """)
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0))
    #expect(run.errors.contains("warning: healthchecks: http://127.0.0.1:1: Not reached"), "\(run.errors)")
    #expect(run.errors.contains("cronitor: \(server.url): Answered with status 500: out of order"))
    #expect(run.errors.contains("warning: ntfy: ") && run.errors.contains("/nowhere"))
    #expect(!run.errors.contains("secret"))
    try configure("")
    #expect(try ground.archives().count == 1)
  }

  @Test("Services that hang hold a run up for ten seconds together, not each")
  func hanging() throws {
    let server = try RecordingHTTPServer { _ in nil }
    try configure(
      """
      healthchecks: {ping_url: \(server.url)/a, states: [finish]}
      cronitor: {ping_url: \(server.url)/b, states: [finish]}
      uptime_kuma: {push_url: \(server.url)/c, states: [finish]}

      """)
    let start = Date()
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0) && Date().timeIntervalSince(start) < 20)
    for name in ["healthchecks", "cronitor", "uptime_kuma"] {
      #expect(run.errors.contains("warning: \(name): \(server.url): Not reached"), "\(run.errors)")
    }
  }

  @Test("A run that is stopped is told as failed")
  func stopped() throws {
    let server = try RecordingHTTPServer()
    try configure(
      "cronitor: {ping_url: \(server.url)/c}\ncommands:\n  - {before: action, run: [exec sleep 161803]}\n")
    let child = try ground.start("create")
    let deadline = Date().addingTimeInterval(20)
    while try !ground.run("ps", "-e", "-o", "args=").contains("sleep 161803"), Date() < deadline { usleep(50_000) }
    kill(child.identifier, SIGTERM)
    #expect(child.wait(seconds: 20) == .exited(128 + SIGTERM))
    #expect(targets(server) == ["/c/run", "/c/fail"])
  }

  @Test("Figures and a mail tell the sizes and the databases of a run")
  func figures() throws {
    let sink = try MailSink()
    try configure(
      """
      prometheus: {textfile: \(ground.folder)/coffer.prom}
      email: {server: "smtp://127.0.0.1:\(sink.port)", from: a@example.org, to: [b@example.org], starttls: false,
        states: [always]}

      """)
    let run = try ground.coffer("create")
    #expect(run.status == .exited(0) && run.errors.isEmpty, "\(run.errors)")
    let place = "{configuration=\"\(ground.folder)/config.yaml\",repository=\"local\""
    let database = "\(place),hook=\"sqlite_databases\",place=\"localhost\",database=\"app\"}"
    let first = try ground.run("cat", "coffer.prom")
    #expect(first.contains("coffer_databases_succeeded\(place)} 1\n"), "\(first)")
    #expect(first.contains("coffer_database_success\(database) 1\n"))
    #expect(first.contains("coffer_archive_read_bytes\(place)} "))
    let mail = try #require(try sink.mail())
    #expect(mail.data.contains("Repository local: all is well") && mail.data.contains("sqlite database 'app'"))
    try makeDumpsFail()
    #expect(try ground.coffer("create").status == .exited(1))
    let second = try ground.run("cat", "coffer.prom")
    #expect(second.contains("coffer_databases_failed\(place)} 1\n"), "\(second)")
    #expect(second.contains("coffer_database_success\(database) 0\n"))
    #expect(second.contains("coffer_run_success{configuration=\"\(ground.folder)/config.yaml\"} 0\n"))
    let success = first.split(separator: "\n").first { $0.hasPrefix("coffer_archive_last_success") && $0.contains("{") }
    #expect(second.contains(try #require(success)))
    #expect(try #require(try sink.mail()).data.contains("has FAILED"))
  }
}
