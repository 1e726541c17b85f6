import CofferConfiguration
import CofferHTTP
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferMonitoring

@Suite("Messages as they reach services")
struct DeliveryTests {
  @Test("A service's requests reach the server through libcurl")
  func delivered() throws {
    let server = try RecordingHTTPServer()
    let couriers = Couriers.impatient()
    let check = try service(Healthchecks.self, "ping_url: \(server.url)/ping")
    for state in MonitoringState.allCases { try check.deliver(event(state, log: ["said"]), through: couriers) }
    let ntfy = try service(Ntfy.self, "topic: t", "server: \(server.url)", "access_token: tk")
    try ntfy.deliver(event(.fail), through: couriers)
    let requests = server.requests
    #expect(requests.map(\.target) == ["/ping/start", "/ping", "/ping/fail", "/ping/log", "/"])
    #expect(requests.map(\.body).prefix(4) == ["", "said\n", "said\n", "said\n"])
    #expect(requests[4].headers["authorization"] == "Bearer tk" && requests[4].body.contains("\"topic\":\"t\""))
  }

  @Test("Zabbix: login, push, logout; an error in an answer of status 200 is one")
  func zabbix() throws {
    let server = try RecordingHTTPServer { request in
      if request.body.contains("user.login") { return .init(body: #"{"jsonrpc":"2.0","result":"tok","id":1}"#) }
      if request.body.contains("bad") {
        return .init(body: #"{"jsonrpc":"2.0","result":{"response":"success","data":[{"error":"No item."}]},"id":1}"#)
      }
      if request.body.contains("denied") {
        return .init(body: #"{"jsonrpc":"2.0","error":{"code":-1,"message":"No.","data":"Not you."},"id":1}"#)
      }
      return .init(body: #"{"jsonrpc":"2.0","result":{"response":"success","data":[{"itemid":"1"}]},"id":1}"#)
    }
    let user = try service(Zabbix.self, "server: \(server.url)/api", "itemid: 1", "username: u", "password: p")
    try user.deliver(event(.fail), through: .impatient())
    #expect(server.requests.count == 3)
    #expect(server.requests.map { $0.headers["authorization"] } == [nil, "Bearer tok", "Bearer tok"])
    #expect(server.requests[2].body.contains("user.logout"))
    for (host, words) in [("bad", "No item."), ("denied", "Not you.")] {
      let hook = try service(Zabbix.self, "server: \(server.url)", "host: \(host)", "key: k", "api_key: a")
      let error = #expect(throws: HTTPError.self) { try hook.deliver(event(.fail), through: .impatient()) }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
  }

  @Test("Apprise's program gets the URLs by its input, and its failure is told")
  func apprise() throws {
    let folder = NSTemporaryDirectory() + "coffer-apprise-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let program = "#!/bin/sh\ncat > \(folder)/input\nprintf '%s\\n' \"$@\" > \(folder)/arguments\necho 'it broke' >&2\n"
    try program.write(toFile: "\(folder)/apprise", atomically: true, encoding: .utf8)
    chmod("\(folder)/apprise", 0o755)
    let hook = try service(Apprise.self, "services: [{url: 'gotify://h/token', label: a}, {url: 'json://x', label: b}]")
    try hook.deliver(event(.fail), through: .impatient(path: "\(folder):/usr/bin:/bin"))
    #expect(try String(contentsOfFile: "\(folder)/input", encoding: .utf8) == "gotify://h/token\njson://x")
    #expect(try String(contentsOfFile: "\(folder)/arguments", encoding: .utf8).contains("--title=Backup of db1"))
    try (program + "exit 3\n").write(toFile: "\(folder)/apprise", atomically: true, encoding: .utf8)
    chmod("\(folder)/apprise", 0o755)
    #expect(
      throws: MonitoringError.programFailed(program: "apprise", detail: "Failed with exit status 3: it broke")
    ) {
      try hook.deliver(event(.fail), through: .impatient(path: "\(folder):/usr/bin:/bin"))
    }
    #expect(throws: LaunchError.notFound(program: "apprise", installation: "On Debian: apt-get install apprise")) {
      try hook.deliver(event(.fail), through: .impatient(path: "/nowhere"))
    }
    let server = try RecordingHTTPServer()
    let several = try service(
      Apprise.self, "services:", "  - {url: 'json://x', label: a}", "  - {url: 'apprise://127.0.0.1:1/k', label: b}",
      "  - {url: 'apprise://127.0.0.1:\(server.port)/k', label: c}")
    #expect(throws: HTTPError.self) { try several.deliver(event(.fail), through: .impatient(path: "/nowhere")) }
    #expect(server.requests.map(\.target) == ["/notify/k"])
  }
}
