import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHTTP

@Suite("Requests one after the other")
struct HTTPConnectionTests {
  private func connection(_ patience: HTTPPatience = HTTPPatience(total: 20)) throws -> HTTPConnection {
    try HTTPConnection(userAgent: "coffer/1.2.3", patience: patience)
  }

  @Test("A PUT sends the buffer as it is, with the headers that were asked for and no others about it")
  func put() throws {
    let server = try RecordingHTTPServer { _ in .init(status: 201) }
    let connection = try connection()
    let body = (0..<3_000_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    let request = HTTPRequest(.put, server.url + "/bucket/object", headers: [["X-Sum", "abc"]])
    let answer = try body.withUnsafeBytes { try connection.exchange(request, body: $0, limit: 100) }
    _ = try connection.exchange(HTTPRequest(.put, server.url + "/own", body: Array("own".utf8)), limit: 100)
    _ = try connection.exchange(HTTPRequest(.put, server.url + "/empty"), limit: 100)
    #expect(answer.status == 201)
    #expect(server.requests.map(\.method) == ["PUT", "PUT", "PUT"])
    #expect(server.requests.map(\.target) == ["/bucket/object", "/own", "/empty"])
    #expect(server.requests[0].body == String(decoding: body, as: UTF8.self))
    #expect(server.requests.map { $0.headers["content-length"] } == ["3000000", "3", "0"])
    #expect(server.requests[0].headers["x-sum"] == "abc")
    #expect(server.requests.allSatisfy { $0.headers["content-type"] == nil && $0.headers["expect"] == nil })
    #expect(server.requests[1].body == "own")
  }

  @Test("The answer comes with its headers, whatever its status, and no more of it than was asked for")
  func answers() throws {
    let server = try RecordingHTTPServer { request in
      .init(
        status: request.target == "/none" ? 404 : 206, body: "0123456789",
        headers: ["Content-Range: bytes 2-11/99", "ETag:  \"a:b\" ", "X-Twice: one", "x-twice: two"])
    }
    let connection = try connection()
    let answer = try connection.exchange(
      HTTPRequest(.get, server.url + "/object", headers: [["Range", "bytes=2-11"]]), limit: 10)
    #expect(server.requests[0].headers["range"] == "bytes=2-11")
    #expect(answer.status == 206 && answer.body == Array("0123456789".utf8) && !answer.isCut)
    #expect(answer.header("content-range") == "bytes 2-11/99")
    #expect(answer.header("etag") == "\"a:b\"")
    #expect(answer.header("x-twice") == "two")
    #expect(answer.header("x-none") == nil && answer.header("http/1.1 206 answer") == nil)
    let cut = try connection.exchange(HTTPRequest(.get, server.url + "/none"), limit: 4)
    #expect(cut.status == 404 && cut.body == Array("0123".utf8) && cut.isCut)
    // What one request was told is not the next one's.
    #expect(try connection.exchange(HTTPRequest(.get, server.url + "/object"), limit: 10).body.count == 10)
    #expect(server.requests[2].headers["range"] == nil)
  }

  @Test("A head without end is not taken")
  func endlessHead() throws {
    let lines = (0..<3000).map { "X-Line-\($0): \(String(repeating: "x", count: 60))" }
    let server = try RecordingHTTPServer { _ in .init(headers: lines) }
    #expect(throws: HTTPError.self) { try connection().exchange(HTTPRequest(.get, server.url), limit: 10) }
  }

  @Test("Requests one after the other go by one connection, and one that the server has closed is made anew")
  func kept() throws {
    let server = try RecordingHTTPServer(keepsConnections: true)
    let connection = try connection()
    var made: [Int] = []
    for number in 0..<3 {
      _ = try connection.exchange(HTTPRequest(.put, server.url + "/\(number)", body: [65]), limit: 10)
      made.append(connection.newConnections)
    }
    #expect(made == [1, 0, 0])
    #expect(server.requests.map(\.target) == ["/0", "/1", "/2"])
    let closing = try RecordingHTTPServer()
    for _ in 0..<2 {
      _ = try connection.exchange(HTTPRequest(.put, closing.url + "/x", body: [65]), limit: 10)
      #expect(connection.newConnections == 1)
    }
  }

  @Test("A redirection is an answer like others")
  func redirected() throws {
    let server = try RecordingHTTPServer { _ in .init(status: 307, headers: ["Location: /there"]) }
    let answer = try connection().exchange(HTTPRequest(.put, server.url + "/here", body: [65]), limit: 10)
    #expect(answer.status == 307 && answer.header("location") == "/there")
    #expect(server.requests.count == 1)
  }

  @Test("A cancellation ends a request that hangs", .timeLimit(.minutes(1)))
  func cancelled() throws {
    let server = try RecordingHTTPServer { _ in nil }
    let cancellation = try Cancellation()
    let stopper = try WorkerThread(name: "stop") {
      while server.requests.isEmpty { usleep(10_000) }
      cancellation.cancel()
    }
    let connection = try connection(HTTPPatience())
    #expect(throws: HTTPError.cancelled(server: server.url)) {
      try connection.exchange(HTTPRequest(.get, server.url + "/x"), limit: 10, cancellation: cancellation)
    }
    stopper.join()
    // And one that has not begun.
    #expect(throws: HTTPError.cancelled(server: server.url)) {
      try connection.exchange(HTTPRequest(.get, server.url + "/x"), limit: 10, cancellation: cancellation)
    }
  }

  @Test(
    "A server that sends nothing is given up after the stall limit, however long a request may take",
    .timeLimit(.minutes(1)))
  func stalled() throws {
    let server = try RecordingHTTPServer { _ in nil }
    let start = Date()
    let error = #expect(throws: HTTPError.self) {
      try connection(HTTPPatience(stall: 2)).exchange(HTTPRequest(.get, server.url + "/secret-x"), limit: 10)
    }
    #expect(Date().timeIntervalSince(start) < 20)
    #expect(error?.description.contains("secret") == false)
  }
}
