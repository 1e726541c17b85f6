import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHTTP

@Suite("Requests as they are sent")
struct HTTPClientTests {
  private let client = HTTPClient(userAgent: "coffer/1.2.3", seconds: 1)

  @Test("What is large goes by the connection that has carried most, what is small by the last that has carried little")
  func choosesConnections() {
    let (large, small) = (1 << 20, 1000)
    #expect(HTTPConnectionPool.place(for: large, among: []) == nil)
    #expect(HTTPConnectionPool.place(for: small, among: []) == nil)
    #expect(HTTPConnectionPool.place(for: large, among: [5, large * 9, large * 3, 7]) == 1)
    #expect(HTTPConnectionPool.place(for: large, among: [5, 5]) == 1)
    #expect(HTTPConnectionPool.place(for: small, among: [5, large * 9, 7, large]) == 2)
    #expect(HTTPConnectionPool.place(for: small, among: [large, large * 9]) == 1)
  }

  @Test("Method, path, headers and body arrive as they are, also empty and large bodies")
  func sent() throws {
    let server = try RecordingHTTPServer()
    try client.send(HTTPRequest(.get, server.url + "/a?b=c%20d", headers: [["X-Odd", "two\r\nX-Evil: 1"]]))
    try client.send(HTTPRequest(.post, server.url + "/empty"))
    let large = (0..<200_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    try client.send(.form(server.url + "/form", [("a", "b&c"), ("ü", "")]))
    try client.send(HTTPRequest(.post, server.url, headers: [["Content-Type", "text/plain"]], body: large))
    let requests = server.requests
    #expect(requests.map(\.method) == ["GET", "POST", "POST", "POST"])
    #expect(requests.map(\.target) == ["/a?b=c%20d", "/empty", "/form", "/"])
    #expect(requests.allSatisfy { $0.headers["user-agent"] == "coffer/1.2.3" && $0.headers["expect"] == nil })
    #expect(requests[0].headers["x-odd"] == "twoX-Evil: 1" && requests[0].headers["x-evil"] == nil)
    #expect(requests[1].headers["content-length"] == "0")
    #expect(requests[2].body == "a=b%26c&%C3%BC=")
    #expect(requests[2].headers["content-type"] == "application/x-www-form-urlencoded")
    #expect(requests[3].body == String(decoding: large, as: UTF8.self))
    #expect(requests[3].headers["content-type"] == "text/plain")
  }

  @Test("A status that is no success is told with the answer, and without the URL's secrets")
  func refused() throws {
    let server = try RecordingHTTPServer { _ in .init(status: 404, body: "no such\n check") }
    let error = #expect(throws: HTTPError.self) {
      try client.send(HTTPRequest(.get, "http://me:pw@127.0.0.1:\(server.port)/secret"))
    }
    #expect(error == .refused(server: server.url, status: 404, answer: "no such check"))
    #expect(error?.description.contains("secret") == false)
  }

  @Test("A server that hangs is given up in time, one that is not there is told")
  func unreachable() throws {
    let server = try RecordingHTTPServer { _ in nil }
    let start = Date()
    let error = #expect(throws: HTTPError.self) { try client.send(HTTPRequest(.get, server.url + "/secret")) }
    #expect(Date().timeIntervalSince(start) < 5)
    #expect(error?.description.contains("timed out") == true && error?.description.contains("secret") == false)
    let nobody = #expect(throws: HTTPError.self) { try client.send(HTTPRequest(.get, "http://127.0.0.1:1/secret")) }
    #expect(nobody?.diagnosis.subject == "http://127.0.0.1:1")
    #expect(#expect(throws: HTTPError.self) { try client.send(HTTPRequest(.get, "file:///etc/passwd")) } != nil)
    #expect(#expect(throws: HTTPError.self) { try client.send(HTTPRequest(.get, "not a url")) } != nil)
  }

  @Test("A server that cannot prove who it is gets nothing, unless verify_tls says so; clients can prove themselves")
  func encrypted() throws {
    let server = try TLSServer()
    var request = HTTPRequest(.get, "https://127.0.0.1:\(server.port)/")
    let distrust = #expect(throws: HTTPError.self) { try client.send(request) }
    #expect(distrust?.description.contains("certificate") == true, "\(String(describing: distrust))")
    request.verifiesServer = false
    #expect(try !client.send(request).isEmpty)
    let strict = try TLSServer(asksClients: true)
    request.url = "https://127.0.0.1:\(strict.port)/"
    #expect(throws: HTTPError.self) { try client.send(request) }
    request.clientCertificate = .init(certificatePath: strict.certificate, keyPath: strict.certificate)
    #expect(try !client.send(request).isEmpty)
  }

  @Test("A redirection is followed")
  func redirected() throws {
    let server = try RecordingHTTPServer { request in
      request.target == "/" ? .init(status: 302, headers: ["Location: /there"]) : .init(body: "here")
    }
    #expect(try client.send(HTTPRequest(.get, server.url + "/")) == Array("here".utf8))
  }

  @Test(
    "A redirection to another server is refused: it gets nothing, not even the address", arguments: [301, 302, 307])
  func redirectedElsewhere(status: Int) throws {
    let other = try RecordingHTTPServer()
    let server = try RecordingHTTPServer { request in
      .init(status: status, headers: ["Location: \(other.url)\(request.target)"])
    }
    for method in [HTTPRequest.Method.get, .post] {
      let error = #expect(throws: HTTPError.self) {
        try client.send(HTTPRequest(method, server.url + "/ping/SECRET-UUID", body: Array("secret".utf8)))
      }
      #expect(error == .redirected(server: server.url, to: other.url))
    }
    #expect(other.requests.isEmpty)
  }

  @Test("On the same server a body is sent again, and a redirection without end is told")
  func redirectedHere() throws {
    let server = try RecordingHTTPServer { request in
      switch request.target {
      case "/old": .init(status: 301, headers: ["Location: /new"])
      case "/loop": .init(status: 302, headers: ["Location: /loop"])
      default: .init()
      }
    }
    var request = HTTPRequest(.post, server.url + "/old", body: Array("said".utf8))
    try client.send(request)
    #expect(server.requests.map(\.body) == ["said", "said"])
    request.url = server.url + "/loop"
    #expect(throws: HTTPError.unreachable(server: server.url, reason: "It redirects without end")) {
      try client.send(request)
    }
  }

  @Test("Which redirections are of the same server")
  func admitted() throws {
    let plain = try #require(Origin("http://h.example/x"))
    for url in ["http://H.example/y", "http://h.example:80/", "https://h.example/"] {
      #expect(plain.admits(url), "\(url)")
    }
    for url in ["http://h.example:8080/", "https://h.example:8443/", "http://g.example/", "ftp://h.example/", "x"] {
      #expect(!plain.admits(url), "\(url)")
    }
    let encrypted = try #require(Origin("https://h.example/"))
    #expect(encrypted.admits("https://h.example:443/y") && !encrypted.admits("http://h.example/"))
    #expect(try #require(Origin("http://h:8080")).admits("https://h:8443") == false)
  }

  @Test("What a server repeats of a secret, and what would steer a terminal, is not shown")
  func answers() throws {
    let server = try RecordingHTTPServer { request in
      .init(status: 404, body: "Not found: \(request.target) \(request.body) tok3 \u{1b}[31mred\r\nforged\u{202e}")
    }
    let request = HTTPRequest(
      .post, server.url + "/ping/SECRET-UUID?key=SECRET-%4bEY", headers: [["Authorization", "Bearer tok3"]],
      body: Array("hunter2 SECRET-KEY".utf8))
    let error = #expect(throws: HTTPError.self) { try client.send(request, hiding: ["hunter2"]) }
    #expect(
      error?.description
        == "\(server.url): Answered with status 404: Not found: /ping/***?key=*** *** *** *** \\x1b[31mred forged\\u{202e}"
    )
  }

  @Test("A server is named without user and password, whatever stands in them")
  func serverNames() {
    #expect(HTTPError.server(of: "https://u:p@h.example:1/x?y@z") == "https://h.example:1")
    #expect(HTTPError.server(of: "https://u@v:p@h/x") == "https://h")
    #expect(HTTPError.server(of: "https://h#@evil") == "https://h")
    #expect(HTTPError.server(of: "no url\u{1b}") == "server")
    #expect(HTTPError.server(of: "http://h\u{1b}[2J/") == "http://h\\x1b[2J")
  }
}
