import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Object storage that fails")
struct S3FaultTests {
  private let name = ObjectName(wellFormed: "packs/ab")

  // MARK: - Who overwrites

  @Test(
    "Where a server tells the sum of what it was put, that tells whether it stands; else its first bytes are read",
    arguments: S3StandIn.Tags.allCases)
  func standing(_ tags: S3StandIn.Tags) throws {
    let server = try S3StandIn(isExclusive: false, tags: tags)
    let (store, other) = (try server.store(), try server.store())
    try store.put(name, Array("mine!".utf8))
    let before = server.requests.count
    #expect(try stands(store, "mine!"))
    #expect(server.requests.dropFirst(before).map(\.method) == [tags == .sums ? "HEAD" : "GET"])
    // Who has put nothing there has been told nothing.
    #expect(try stands(other, "mine!"))
    #expect(server.requests.last?.method == "GET")
    try other.put(name, Array("their".utf8))
    #expect(try !stands(store, "mine!"))
    #expect(try stands(other, "their"))
    try store.delete(name)
    #expect(throws: StorageError.missing(name, location: store.location)) { try stands(store, "mine!") }
  }

  @Test("Of many that were put the last ones are known by their sums, and the others are read")
  func manySums() throws {
    let server = try S3StandIn(tags: .sums)
    let store = try server.store()
    let names = try (0..<20).map { try objectName("logs/\($0)") }
    for name in names { try store.put(name, Array(name.path.utf8)) }
    for (number, name) in names.enumerated() {
      let before = server.requests.count
      let isThere = try Array(name.path.utf8).withStoredBytes { (bytes) throws(StorageError) in
        try store.stands(name, bytes, beginning: 5, cancellation: nil)
      }
      #expect(isThere)
      #expect(server.requests.dropFirst(before).map(\.method) == [number < 4 ? "GET" : "HEAD"])
    }
  }

  private func stands(_ store: S3Store, _ text: String) throws -> Bool {
    try Array(text.utf8).withStoredBytes { (bytes) throws(StorageError) in
      try store.stands(name, bytes, beginning: 3, cancellation: nil)
    }
  }

  // MARK: - What passes

  @Test(
    "Too much at once and failures of the server pass, and the wait that it asks for is told",
    arguments: [
      (408, "RequestTimeout"), (429, "TooManyRequests"), (500, "InternalError"), (502, "x"), (503, "SlowDown"),
      (504, "x"), (409, "ConditionalRequestConflict"), (409, "OperationAborted"), (400, "RequestTimeout"),
      (400, "BadDigest"), (400, "XAmzContentSHA256Mismatch"), (400, "IncompleteBody"),
    ])
  func passing(status: Int, code: String) throws {
    let server = try S3StandIn(objects: ["pre/packs/ab": "x"]) { _, _ in
      .refusal(status, code, headers: ["Retry-After: 17"])
    }
    let store = try server.store()
    let calls: [() throws -> Void] = [
      { try store.put(name, [65]) }, { _ = try store.get(name, range: nil) }, { _ = try store.get(name, range: 0..<1) },
      { _ = try store.status(of: name) }, { _ = try store.list("") }, { try store.delete(name) },
    ]
    for (number, call) in calls.enumerated() {
      let failure = try failed(call)
      // An answer to HEAD has no body, and so no word for it: that of a GET is asked for.
      #expect(failure.kind == .transient && failure.retryAfter == 17, "call \(number)")
    }
  }

  @Test("A date in Retry-After counts from the server's own clock")
  func retryDate() throws {
    let server = try S3StandIn { _, _ in
      .refusal(
        503, "SlowDown",
        headers: ["Date: Fri, 24 May 2013 00:00:00 GMT", "Retry-After: Fri, 24 May 2013 00:01:30 GMT"])
    }
    #expect(try failed { try server.store().put(name, [65]) }.retryAfter == 90)
  }

  @Test("Who retries waits as long as the server asks for, but not for ever")
  func retried() throws {
    let server = try S3StandIn { number, _ in
      number < 3 ? .refusal(503, "SlowDown", headers: ["Retry-After: \([2, 40, 99_999][number])"]) : nil
    }
    let pauses = Mutex<[Double]>([])
    let retrying = RetryingStore(try server.store(), RetryPolicy(), chance: { 0 }) { seconds, _ in
      pauses.withLock { $0.append(seconds) }
    }
    try retrying.put(name, Array("text".utf8))
    #expect(pauses.withLock { $0 } == [2, 40, 300])
    #expect(server.content == ["pre/packs/ab": "text"])
  }

  @Test("A connection that ends before the answer may have done it; put again, it is found done by its bytes")
  func lostAnswer() throws {
    let server = try S3StandIn { number, _ in number == 0 ? .lostAnswer : nil }
    let store = try server.store()
    #expect(try failed { try store.put(name, Array("text".utf8)) }.kind == .transient)
    #expect(server.content == ["pre/packs/ab": "text"])
    #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, Array("text".utf8)) }
    let other = try S3StandIn { number, _ in number == 0 ? .lostAnswer : nil }
    let retrying = RetryingStore(try other.store(), RetryPolicy(firstWait: 0))
    try retrying.put(name, Array("text".utf8))
    #expect(other.content == ["pre/packs/ab": "text"])
    #expect(other.requests.filter { $0.method == "PUT" }.count == 2)
  }

  @Test(
    "A put that libcurl sent twice, because a kept connection was lost behind the first, is found done by its bytes")
  func sentTwice() throws {
    let server = try S3StandIn { number, request in number == 1 && request.method == "PUT" ? .lostAnswer : nil }
    let store = try server.store()
    try store.put(try objectName("first"), Array("first".utf8))
    try store.put(name, Array("text".utf8))
    #expect(server.content == ["pre/first": "first", "pre/packs/ab": "text"])
    // Other bytes are another's.
    let other = try S3StandIn(objects: ["pre/packs/ab": "their"]) { number, request in
      number == 1 && request.method == "PUT" ? .lostAnswer : nil
    }
    let second = try other.store()
    try second.put(try objectName("first"), Array("first".utf8))
    #expect(throws: StorageError.exists(name, location: second.location)) { try second.put(name, Array("mine!".utf8)) }
    #expect(other.content["pre/packs/ab"] == "their")
  }

  @Test("A put that something in between answers, and that does not say what was stored, is looked for")
  func answeredInBetween() throws {
    let page = RecordingHTTPServer.Answer(body: "<html>Log in here</html>", headers: ["Content-Type: text/html"])
    let portal = try S3StandIn { _, request in request.method == "PUT" ? .answer(page) : nil }
    let failure = try failed { try portal.store().put(name, Array("text".utf8)) }
    #expect(failure.kind == .transient && failure.reason.contains("not what was stored"), "\(failure)")
    #expect(portal.content == [:])
    let deaf = try S3StandIn { _, _ in .answer(page) }
    #expect(throws: StorageError.self) { try deaf.store().put(name, Array("text".utf8)) }
    // A server that has no ETags has stored it all the same.
    let plain = try S3StandIn(objects: ["pre/packs/ab": "text"]) { _, request in
      request.method == "PUT" ? .answer(.init()) : nil
    }
    try plain.store().put(name, Array("text".utf8))
    #expect(plain.requests.map(\.method) == ["PUT", "HEAD"])
  }

  @Test("A body that is cut short is no body")
  func cutShort() throws {
    let server = try S3StandIn(objects: ["pre/packs/ab": "0123456789"]) { _, _ in .cutBody }
    let store = try server.store()
    #expect(try failed { _ = try store.get(name, range: nil) }.kind == .transient)
    #expect(try failed { _ = try store.get(name, range: 2..<8) }.kind == .transient)
    #expect(try failed { _ = try store.list("") }.kind == .transient)
  }

  @Test("A server that says nothing any more is left when the run is stopped", .timeLimit(.minutes(1)))
  func silent() throws {
    let server = try S3StandIn { _, _ in .silence }
    let store = try server.store()
    let cancellation = try Cancellation()
    let stopper = try WorkerThread(name: "stop") {
      while server.requests.isEmpty { usleep(10_000) }
      cancellation.cancel()
    }
    #expect(throws: StorageError.cancelled(location: store.location)) {
      try store.put(name, [65], cancellation: cancellation)
    }
    stopper.join()
  }

  @Test("A server that is not there may be there later")
  func unreachable() throws {
    let store = try S3TestStore("s3:http://127.0.0.1:1/bucket/pre").store()
    let failure = try failed { _ = try store.status(of: name) }
    #expect(failure.kind == .transient && failure.suggestion?.contains("network") == true)
  }

  // MARK: - Parts

  @Test("Parts are told by what the answer says of them, whatever its status")
  func parts() throws {
    func got(_ range: Range<Int>, status: Int = 206, _ headers: [String], body: String) throws -> [UInt8] {
      let server = try S3StandIn { _, _ in .answer(.init(status: status, body: body, headers: headers)) }
      return try server.store().get(name, range: range)
    }
    #expect(try got(2..<4, status: 200, ["Content-Range: bytes 2-3/10"], body: "23") == Array("23".utf8))
    #expect(try got(2..<4, ["Content-Range: bytes 2-3/*"], body: "23") == Array("23".utf8))
    for (range, body) in [("bytes 3-4/10", "34"), ("bytes 2-4/10", "234"), ("nonsense", "23"), ("bytes 2-3/10", "234")]
    {
      #expect(throws: StorageError.self, "\(range)") { try got(2..<4, ["Content-Range: \(range)"], body: body) }
    }
    #expect(try failed { _ = try got(2..<4, ["Content-Range: bytes 2-3/10"], body: "2") }.kind == .transient)
    let short = #expect(throws: StorageError.self) { try got(2..<4, ["Content-Range: bytes 2-2/3"], body: "2") }
    guard case .truncated = short else {
      Issue.record("\(String(describing: short))")
      return
    }
  }

  @Test("Of a server that knows no parts the whole is read, and no more of it than is wanted")
  func noRanges() throws {
    let server = try S3StandIn(objects: ["pre/packs/ab": "0123456789"], knowsRanges: false)
    let store = try server.store()
    #expect(try store.get(name, range: 0..<3) == Array("012".utf8))
    #expect(try store.get(name, range: 4..<10) == Array("456789".utf8))
    #expect(throws: StorageError.truncated(name, location: store.location)) { try store.get(name, range: 4..<11) }
    let text = (0..<20_000).map { String($0) }.joined(separator: " ")
    let large = try S3StandIn(objects: ["pre/packs/ab": text], knowsRanges: false)
    #expect(
      try large.store().get(name, range: 80_000..<90_000) == Array(Array(text.utf8)[80_000..<90_000]))
  }

  // MARK: - Lists

  @Test("A list that does not go forward ends", .timeLimit(.minutes(1)))
  func endless() throws {
    let endings: [[String]] = [
      [S3DocumentTests.list(["pre/a"], next: "same")],
      [S3DocumentTests.list(["pre/a"], next: "t1"), S3DocumentTests.list(["pre/a"], next: "t2")],
      [S3DocumentTests.list([], next: "t1"), S3DocumentTests.list([], next: "t2")],
      [S3DocumentTests.list(["pre/b", "pre/a"])],
      [S3DocumentTests.list(["pre/b", "other/c"])],
      [S3DocumentTests.list(["pre/a", "pre/a"])],
      ["<html>It works!</html>"],
      ["It works!"],
    ]
    for pages in endings {
      let server = try S3StandIn { number, _ in .answer(.init(body: pages[number % pages.count])) }
      let failure = try failed { _ = try server.store().list("") }
      #expect(failure.kind == .permanent, "\(pages)")
      #expect(server.requests.count <= 3)
    }
  }

  @Test("A list goes on page by page, and a server that goes through folders is put in order")
  func pages() throws {
    let keys = ["a", "b-c/x", "b.c", "b/1", "b/2/x", "b0"]
    let server = try S3StandIn(objects: Dictionary(uniqueKeysWithValues: keys.map { ("pre/\($0)", "x") }), pageSize: 2)
    var pages: [[String]] = []
    try server.store().list("", after: nil, cancellation: nil) { pages.append($0.map(\.name.path)) }
    #expect(pages == [["a", "b-c/x"], ["b.c", "b/1"], ["b/2/x", "b0"]])
    let folders = try S3StandIn { _, _ in
      .answer(.init(body: S3DocumentTests.list(["a", "b/1", "b/2/x", "b-c/x", "b.c", "b0"].map { "pre/\($0)" })))
    }
    #expect(try folders.store().list("").map(\.name.path) == keys)
  }

  @Test("What is no object of the repository is passed over, and told when a place is to be empty")
  func foreign() throws {
    let server = try S3StandIn(objects: ["pre/": "", "pre/Letter to A.txt": "x", "pre/keys/a": "x", "prefix/a": "x"])
    let store = try server.store()
    #expect(try store.list("").map(\.name.path) == ["keys/a"])
    #expect(try store.firstForeignEntry() == "Letter to A.txt")
  }

  // MARK: - All of it

  @Test("Of 10,000 calls of which one in ten fails none is lost, wrong, or done twice")
  func tenThousand() throws {
    let server = try S3StandIn { number, request in
      var random = SeededRandom(UInt64(number) &* 0x9E37_79B9)
      guard Int.random(in: 0..<10, using: &random) == 0 else { return nil }
      switch Int.random(in: 0..<5, using: &random) {
      case 0: return .refusal(503, "SlowDown", headers: ["Retry-After: 3"])
      case 1: return .refusal(500, "InternalError")
      case 2: return .refusal(409, "ConditionalRequestConflict")
      case 3: return request.method == "GET" ? .cutBody : .lostAnswer
      default: return .lostAnswer
      }
    }
    let store = RetryingStore(
      try server.store(), RetryPolicy(retries: 20, firstWait: 0, longestWait: 0), pause: { _, _ in })
    let failures = Mutex<[String]>([])
    let threads = try (0..<4).map { number in
      try WorkerThread(name: "work") {
        do {
          for round in 0..<560 {
            let name = try objectName("packs/\(number)/\(round)")
            let bytes = Array("\(number)-\(round)-\(String(repeating: "x", count: round % 50))".utf8)
            try store.put(name, bytes)
            // Somebody else's bytes are never taken for one's own.
            let other = #expect(throws: StorageError.self) { try store.put(name, bytes + [33]) }
            if other?.kind != .exists { failures.withLock { $0.append("\(name): \(String(describing: other))") } }
            if try store.get(name, range: nil) != bytes { failures.withLock { $0.append("\(name) differs") } }
            if try store.get(name, range: 1..<3) != Array(bytes[1..<3]) {
              failures.withLock { $0.append("\(name): part") }
            }
            if round % 2 == 0 { try store.delete(name) }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    var expected: [String: String] = [:]
    for number in 0..<4 {
      for round in 0..<560 where round % 2 == 1 {
        expected["pre/packs/\(number)/\(round)"] = "\(number)-\(round)-\(String(repeating: "x", count: round % 50))"
      }
    }
    #expect(server.content == expected)
    #expect(try Set(store.list("").map { "pre/\($0.name.path)" }) == Set(expected.keys))
    #expect(server.requests.count > 10_000)
  }
}
