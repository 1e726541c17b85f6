import CofferConfiguration
import CofferHTTP
import Foundation
import Testing

@testable import CofferMonitoring

@Suite("Services that are pinged")
struct PingTests {
  @Test("Healthchecks has a URL for each state, and gets the log but for the start")
  func healthchecks() throws {
    let hook = try service(Healthchecks.self, "ping_url: https://hc.example.org/ping/abc/")
    #expect(hook.states == [.start, .finish, .fail, .log])
    let urls = MonitoringState.allCases.map { hook.requests(for: event($0, log: ["one", "two"]))[0] }
    #expect(
      urls.map(\.url) == [
        "https://hc.example.org/ping/abc/start", "https://hc.example.org/ping/abc/",
        "https://hc.example.org/ping/abc/fail", "https://hc.example.org/ping/abc/log",
      ])
    #expect(urls.allSatisfy { $0.method == .post && $0.verifiesServer })
    #expect(urls.map(\.text) == ["", "one\ntwo\n", "one\ntwo\n", "one\ntwo\n"])
  }

  @Test("A bare UUID is one of hc-ping.com; a check is made only for a slug")
  func identifiers() throws {
    let uuid = "5f8b1b2e-0c5a-4f9f-9f0a-2d6a1f8f3c11"
    let bare = try service(Healthchecks.self, "ping_url: \(uuid)", "create_slug: true")
    #expect(bare.requests(for: event(.fail))[0].url == "https://hc-ping.com/\(uuid)/fail")
    #expect(throws: MonitoringError.self) { try service(WatchGoose.self, "ping_url: \(uuid)") }
    #expect(throws: MonitoringError.self) { try service(Healthchecks.self, "ping_url: ''") }
    #expect(throws: MonitoringError.self) { try service(Cronitor.self, "ping_url: ''") }
    let slug = try service(
      Healthchecks.self, "ping_url: https://hc-ping.com/key/my-job", "create_slug: true", "verify_tls: false")
    let request = slug.requests(for: event(.start))[0]
    #expect(request.url == "https://hc-ping.com/key/my-job/start?create=1")
    #expect(!request.verifiesServer)
  }

  @Test("Logs are cut from the front, at whole lines, to the limit")
  func limits() throws {
    let hook = try service(Healthchecks.self, "ping_url: https://x/y", "ping_body_limit: 20")
    let lines = (0..<10).map { "line \($0)" }
    #expect(hook.requests(for: event(.finish, log: lines))[0].text == "...\nline 8\nline 9\n")
    let silent = try service(Healthchecks.self, "ping_url: https://x/y", "send_logs: false")
    #expect(silent.requests(for: event(.finish, log: lines))[0].text == "")
    let endless = try service(Healthchecks.self, "ping_url: https://x/y", "ping_body_limit: 0")
    let long = [String](repeating: String(repeating: "x", count: 99), count: 2000)
    #expect(endless.requests(for: event(.finish, log: long))[0].body.count == 200_000)
    let standard = try service(Healthchecks.self, "ping_url: https://x/y")
    #expect(standard.requests(for: event(.finish, log: long))[0].body.count <= 100_000)
    let goose = try service(WatchGoose.self, "ping_url: https://x/y")
    let body = goose.requests(for: event(.finish, log: long))[0].body
    #expect(body.count <= 10_000 && body.count > 9_800)
  }

  @Test("A single line that is too long keeps its end")
  func longLine() {
    #expect(event(.finish, log: ["0123456789"]).logText(limit: 9) == "...\n6789\n")
    #expect(event(.finish, log: ["ab"]).logText(limit: 3) == "ab\n")
    #expect(event(.finish).logText(limit: 3) == "")
  }

  @Test("Cronitor and Uptime Kuma are asked for by GET")
  func cronitor() throws {
    let hook = try service(Cronitor.self, "ping_url: https://cronitor.link/d3x0c1")
    let urls = [MonitoringState.start, .finish, .fail].flatMap { hook.requests(for: event($0)) }
    #expect(
      urls == [
        HTTPRequest(.get, "https://cronitor.link/d3x0c1/run"),
        HTTPRequest(.get, "https://cronitor.link/d3x0c1/complete"),
        HTTPRequest(.get, "https://cronitor.link/d3x0c1/fail"),
      ])
    #expect(hook.states == [.start, .finish, .fail] && hook.requests(for: event(.log)).isEmpty)
    let kuma = try service(
      UptimeKuma.self, "push_url: https://kuma.example.org/api/push/abc?status=up&msg=OK&ping=", "states: [fail]")
    #expect(kuma.states == [.fail])
    #expect(
      kuma.requests(for: event(.fail)) == [
        HTTPRequest(.get, "https://kuma.example.org/api/push/abc?ping=&status=down&msg=fail")
      ])
    #expect(kuma.requests(for: event(.start))[0].url.hasSuffix("status=up&msg=start"))
  }

  @Test("Sentry's check-ins are made of the DSN")
  func sentry() throws {
    let hook = try service(
      Sentry.self, "data_source_name_url: https://5f80ec@o294220.ingest.us.sentry.io/203069", "monitor_slug: my job",
      "environment: test & more")
    let base = "https://o294220.ingest.us.sentry.io/api/203069/cron/my%20job/5f80ec/?status="
    let urls = [MonitoringState.start, .finish, .fail].map { hook.requests(for: event($0)) }
    #expect(
      urls
        == ["in_progress", "ok", "error"].map {
          [HTTPRequest(.post, base + $0 + "&environment=test%20%26%20more")]
        })
    let folder = try service(
      Sentry.self, "data_source_name_url: http://key:secret@sentry.local:9000/sub/7", "monitor_slug: x")
    #expect(
      folder.requests(for: event(.finish))[0].url == "http://sentry.local:9000/sub/api/7/cron/x/key/?status=ok")
    #expect(throws: MonitoringError.self) {
      try service(Sentry.self, "data_source_name_url: https://sentry.io/203069", "monitor_slug: x")
    }
  }

  @Test("Secrets may be credentials everywhere")
  func credentials() throws {
    let hook = try service(Ntfy.self, "topic: t", "access_token: \"{credential file /secret}\"")
    #expect(try hook.requests(for: event(.fail))[0].header("Authorization") == "Bearer from file")
  }

  @Test("What cannot work is found before a run, unless it hangs on a credential or a variable")
  func validation() throws {
    let problems = MonitoringRegistry.standard.problems(
      in: try root(
        """
        prometheus: {textfile: coffer.prom}
        sentry: {data_source_name_url: "{credential file /dsn}", monitor_slug: x}
        zabbix: {server: "https://z", itemid: 1}
        email: {server: mail.example.org, from: a@b, to: [c@d]}
        ntfy: {topic: t}

        """))
    #expect(problems.map(\.name) == ["zabbix", "email", "prometheus"])
    #expect(problems[0].error as? MonitoringError == .missing("zabbix.username"))
  }
}
