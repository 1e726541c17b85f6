import CofferHTTP
import CofferSystem
import Foundation
import Testing

@testable import CofferMonitoring

@Suite("Services that get messages")
struct MessageTests {
  @Test("ntfy gets JSON: what is configured, or what happened")
  func ntfy() throws {
    let hook = try service(
      Ntfy.self, "topic: backups", "server: https://ntfy.example.org", "username: me", "password: 'p:w'",
      "finish: {title: Fine, message: All well, priority: urgent, tags: 'a, b'}", "states: [finish, fail]")
    #expect(hook.states == [.finish, .fail])
    let fine = try hook.requests(for: event(.finish))[0]
    #expect(fine.url == "https://ntfy.example.org" && fine.method == .post)
    #expect(fine.header("Authorization") == "Basic " + Data("me:p:w".utf8).base64EncodedString())
    #expect(fine.header("Content-Type") == "application/json")
    try fine.expectJSON(
      #"{"topic": "backups", "title": "Fine", "message": "All well", "priority": 5, "tags": ["a", "b"]}"#)
    let plain = try service(Ntfy.self, "topic: backups")
    #expect(plain.states == [.fail])
    let failed = try plain.requests(for: event(.fail))[0]
    #expect(failed.url == "https://ntfy.sh" && failed.header("Authorization") == nil)
    try failed.expectJSON(
      """
      {"topic": "backups", "title": "Backup of db1 has FAILED", "priority": 3, "tags": ["coffer"],
       "message": "/etc/coffer/config.yaml: users: It is broken (and 1 more errors)"}
      """)
    try plain.requests(for: event(.finish))[0].expectJSON(
      """
      {"topic": "backups", "title": "Backup of db1 has finished", "priority": 3, "tags": ["coffer"],
       "message": "local: 589 MB read, 94.4 MB new, 3.47 MB stored, 6.5 s"}
      """)
  }

  @Test("Pushover gets a form; priority 2 with the times that it needs")
  func pushover() throws {
    let hook = try service(
      Pushover.self, "token: t", "user: u",
      "fail: {message: 'a&b=c ü', priority: 2, sound: bike, html: true, ttl: 60, url_title: x y, device: d, expire: 90}",
      "finish: {message: ok, priority: -1, expire: 5}")
    #expect(
      hook.requests(for: event(.fail)) == [
        HTTPRequest(
          .post, "https://api.pushover.net/1/messages.json",
          headers: [["Content-Type", "application/x-www-form-urlencoded"]],
          body: Array(
            ("token=t&user=u&title=Backup%20of%20db1%20has%20FAILED&message=a%26b%3Dc%20%C3%BC&priority=2&expire=90"
              + "&retry=30&device=d&sound=bike&url_title=x%20y&html=1&ttl=60").utf8))
      ])
    #expect(
      hook.requests(for: event(.finish))[0].text
        == "token=t&user=u&title=Backup%20of%20db1%20has%20finished&message=ok&priority=-1")
  }

  @Test("PagerDuty gets an event with the errors, and the log if it is wanted")
  func pagerDuty() throws {
    let hook = try service(PagerDuty.self, "integration_key: k")
    #expect(hook.states == [.fail])
    let request = try hook.requests(for: event(.fail, log: ["line"]))[0]
    #expect(request.url == "https://events.pagerduty.com/v2/enqueue")
    try request.expectJSON(
      """
      {"routing_key": "k", "event_action": "trigger", "payload": {
        "summary": "Backup of db1 has FAILED: /etc/coffer/config.yaml: users: It is broken (and 1 more errors)",
        "severity": "error", "source": "db1", "timestamp": "2027-01-15T08:01:15Z", "component": "coffer",
        "group": "Backups", "class": "Backup failure", "custom_details": {
          "hostname": "db1", "configuration_filename": "/etc/coffer/config.yaml", "actions": ["create", "check"],
          "errors": ["users: It is broken", "other: Also"], "log": "line\\n"}}}
      """)
    let silent = try service(PagerDuty.self, "integration_key: k", "send_logs: false")
    #expect(try !silent.requests(for: event(.fail, log: ["line"]))[0].text.contains("\"log\""))
  }

  @Test("Zabbix gets a value by item or by host and key; the token is in the header")
  func zabbix() throws {
    let byItem = try service(
      Zabbix.self, "server: https://z/api", "itemid: 55105", "api_key: k", "fail: {value: BROKEN}")
    let request = try byItem.pushRequest(event(.fail), "k")
    #expect(request.url == "https://z/api" && request.header("Authorization") == "Bearer k")
    #expect(request.header("Content-Type") == "application/json-rpc")
    try request.expectJSON(
      #"{"jsonrpc": "2.0", "id": 1, "method": "history.push", "params": {"itemid": "55105", "value": "BROKEN"}}"#)
    let byKey = try service(
      Zabbix.self, "server: https://z/api", "host: db1", "key: status", "username: u", "password: p",
      "states: [start, finish, fail]")
    try byKey.pushRequest(event(.start), "t").expectJSON(
      #"{"jsonrpc": "2.0", "id": 1, "method": "history.push", "params": {"host": "db1", "key": "status", "value": "start"}}"#
    )
    let login = try byKey.loginRequest("u", "p")
    #expect(login.header("Authorization") == nil)
    try login.expectJSON(
      #"{"jsonrpc": "2.0", "id": 1, "method": "user.login", "params": {"username": "u", "password": "p"}}"#)
    try byKey.logoutRequest("t").expectJSON(#"{"jsonrpc": "2.0", "id": 1, "method": "user.logout", "params": []}"#)
    #expect(throws: MonitoringError.missing("zabbix.host")) {
      try service(Zabbix.self, "server: https://z", "api_key: k")
    }
    #expect(throws: MonitoringError.missing("zabbix.username")) {
      try service(Zabbix.self, "server: https://z", "itemid: 1")
    }
  }

  @Test("Loki gets the log and the state in the order of their times, under the labels")
  func loki() throws {
    let hook = try service(
      Loki.self, "url: https://loki/push", "labels: {app: coffer, host: __hostname, c: __config, p: __config_path}",
      "tls: {cert_path: /c, key_path: /k}")
    let request = try hook.requests(for: event(.finish, log: ["one"]))[0]
    try request.expectJSON(
      """
      {"streams": [{"stream": {"app": "coffer", "host": "db1", "c": "config.yaml", "p": "/etc/coffer/config.yaml"},
        "values": [["1800000001000000000", "one"], ["1800000075000000000", "/etc/coffer/config.yaml: finish"]]}]}
      """)
    #expect(request.clientCertificate == HTTPRequest.ClientCertificate(certificatePath: "/c", keyPath: "/k"))
    #expect(try !hook.requests(for: event(.start, log: ["one"]))[0].text.contains("one"))
  }

  @Test("Apprise: servers with its API get JSON, everything else is for the program, which reads URLs from its input")
  func apprise() throws {
    let hook = try service(
      Apprise.self, "services:", "  - {url: 'apprises://me:pw@a.example.org:8000/sub/key?tags=ops', label: api}",
      "  - {url: 'gotify://host/token', label: g}", "fail: {title: T, body: B}", "logs_size_limit: 10")
    let requests = try hook.requests(for: event(.fail, log: ["long line", "end"]))
    #expect(requests.map(\.url) == ["https://a.example.org:8000/sub/notify/key"])
    #expect(requests[0].header("Authorization") == HTTPRequest.basicAuthorization("me", "pw")[1])
    try requests[0].expectJSON(
      #"{"title": "T", "body": "B\n\n...\nend\n", "type": "failure", "tag": "ops"}"#)
    let command = hook.command(for: event(.fail), environment: ProcessEnvironment([:]))
    #expect(command.executable == "apprise")
    #expect(!command.arguments.contains { $0.contains("token") })
    #expect(command.arguments.contains("--notification-type=failure") && command.arguments.contains("--title=T"))
    let plain = try service(Apprise.self, "services: [{url: 'apprise://h/k', label: x}]", "send_logs: false")
    try plain.requests(for: event(.finish, log: ["x"]))[0].expectJSON(
      """
      {"title": "Backup of db1 has finished", "type": "success",
       "body": "local: 589 MB read, 94.4 MB new, 3.47 MB stored, 6.5 s"}
      """)
  }

  @Test("The log buffer keeps the newest lines within its limit")
  func buffer() {
    let buffer = LogBuffer(clock: Clock(now: { noon }, steadySeconds: { 0 }), limit: 20)
    for number in 0..<100 { buffer.add("line \(number)") }
    #expect(buffer.lines.map(\.text) == ["line 98", "line 99"])
    buffer.add(String(repeating: "x", count: 50))
    #expect(buffer.lines.count == 1)
  }
}
