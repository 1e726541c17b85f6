import CofferHTTP
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Locks in object storage")
struct S3LockTests {
  private let name = ObjectName(wellFormed: "packs/ab")
  private let options = "object_lock_days: 30, object_lock_mode: compliance"
  private let clock: Clock

  init() throws {
    let now = try #require(AWSTime.http("Fri, 24 May 2013 00:00:00 GMT"))
    clock = Clock(now: { now }, steadySeconds: { 0 })
  }

  /// A server that says this of the lock of its only object.
  private func server(_ headers: [String]) throws -> S3StandIn {
    try S3StandIn(objects: ["pre/packs/ab": "text"]) { _, request in
      request.method == "HEAD"
        ? .answer(.init(headers: ["Last-Modified: Thu, 25 Apr 2013 00:00:00 GMT"] + headers)) : nil
    }
  }

  private static func lock(_ mode: String, until end: String) -> [String] {
    ["x-amz-object-lock-mode: \(mode)", "x-amz-object-lock-retain-until-date: \(end)"]
  }

  @Test(
    "What is locked for less than half of the time, or not at all, is locked for all of it, in the mode of its lock",
    arguments: [
      (lock("GOVERNANCE", until: "2013-06-07T23:59:00Z"), "GOVERNANCE"),
      (lock("COMPLIANCE", until: "2013-05-24T00:01:00.000Z"), "COMPLIANCE"),
      (lock("GOVERNANCE", until: "2013-05-01T00:00:00Z"), "COMPLIANCE"),
      (lock("<x>", until: "2013-06-01T00:00:00Z"), "COMPLIANCE"), ([], "COMPLIANCE"),
    ])
  func renewed(_ headers: [String], _ mode: String) throws {
    let server = try server(headers)
    let store = try server.store(options, clock: clock)
    #expect(store.lockTime == 2_592_000.0)
    #expect(try store.renewLock(of: name, cancellation: nil))
    let requests = server.requests
    #expect(
      requests.map { "\($0.method) \($0.target)" } == [
        "HEAD /bucket/pre/packs/ab", "PUT /bucket/pre/packs/ab?retention=",
      ])
    let body = try #require(requests.last?.body)
    #expect(
      body == "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>\(mode)</Mode>"
        + "<RetainUntilDate>2013-06-23T00:00:00Z</RetainUntilDate></Retention>")
    let sum = Array(body.utf8).withUnsafeBytes { Digests.md5($0) }
    #expect(requests.last?.headers["content-md5"] == sum.map { Data($0).base64EncodedString() })
    #expect(requests.last?.headers["if-none-match"] == nil && server.content == ["pre/packs/ab": "text"])
  }

  @Test("What is locked for half of the time or longer is left alone, and without the option nobody is asked")
  func lasting() throws {
    for end in ["2013-06-08T00:00:00Z", "2013-06-22T00:00:00Z", "2020-01-01T00:00:00Z"] {
      let server = try server(Self.lock("GOVERNANCE", until: end))
      #expect(try !server.store(options, clock: clock).renewLock(of: name, cancellation: nil))
      #expect(server.requests.map(\.method) == ["HEAD"], "\(end)")
    }
    let server = try server([])
    let store = try server.store(clock: clock)
    #expect(try store.lockTime == nil && !store.renewLock(of: name, cancellation: nil) && server.requests.isEmpty)
  }

  @Test("A right that the key lacks is named")
  func refused() throws {
    let denied = try S3StandIn(objects: ["pre/packs/ab": "text"]) { _, request in
      request.method == "PUT" ? .refusal(403, "AccessDenied") : .answer(.init())
    }
    let failure = try failed { _ = try denied.store(options).renewLock(of: name, cancellation: nil) }
    #expect(failure.kind == .denied && failure.suggestion?.contains("s3:PutObjectRetention") == true, "\(failure)")
    #expect(denied.requests.map(\.method) == ["HEAD", "PUT"])
  }

  @Test(
    "A real server locks for longer what was locked for a while, or was not",
    arguments: [S3TestServer.seaweedfs, .moto].filter(\.isStarted))
  func real(_ server: S3TestServer) throws {
    let address = try server.address(below: "-locked")
    func store(_ options: String) throws -> S3Store {
      try S3TestStore(address, options, environment: S3TestServer.keys).store()
    }
    let other = ObjectName(wellFormed: "packs/cd")
    for (short, name) in [("{object_lock_days: 2}", name), ("{}", other)] {
      try store(short).put(name, [1, 2])
      let long = try store("{object_lock_days: 30}")
      #expect(try long.renewLock(of: name, cancellation: nil))
      let end = try long.lockEnd(name, nil)
      #expect(abs(try #require(end).timeIntervalSinceNow - 30 * 86_400) < 600)
      #expect(try !long.renewLock(of: name, cancellation: nil))
      #expect(try long.get(name, range: nil) == [1, 2])
    }
  }
}
