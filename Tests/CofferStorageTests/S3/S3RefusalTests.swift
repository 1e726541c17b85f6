import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Object storage that refuses")
struct S3RefusalTests {
  private let name = ObjectName(wellFormed: "packs/ab")

  // MARK: - What the server refuses

  @Test("Wrong keys are told apart, with where they come from")
  func wrongKeys() throws {
    for (code, word) in [("SignatureDoesNotMatch", "secret key"), ("InvalidAccessKeyId", "access key")] {
      let server = try S3StandIn { _, _ in .refusal(403, code) }
      for call in [{ try server.store().put(name, [65]) }, { _ = try server.store().status(of: name) }] {
        let failure = try failed(call)
        #expect(failure.kind == .denied)
        #expect(failure.reason.contains(word), "\(failure.reason)")
        #expect(failure.suggestion?.contains("AWS_ACCESS_KEY_ID") == true)
      }
    }
  }

  @Test("A clock that differs is told with how much")
  func skew() throws {
    let now = try #require(AWSTime.http("Fri, 24 May 2013 02:03:00 GMT"))
    for (date, words) in [
      ("Fri, 24 May 2013 01:00:00 GMT", "1 h 3 min ahead of"), ("Fri, 24 May 2013 02:23:30 GMT", "20 min 30 s behind"),
    ] {
      let server = try S3StandIn { _, _ in .refusal(403, "RequestTimeTooSkewed", headers: ["Date: \(date)"]) }
      let clock = Clock(now: { now }, steadySeconds: { 0 })
      let failure = try failed { try server.store(clock: clock).put(name, [65]) }
      #expect(failure.reason == "this machine's clock is \(words) the server's")
      #expect(failure.kind == .permanent && failure.suggestion?.contains("clock") == true)
    }
  }

  @Test("A bucket in another region is told with the region")
  func region() throws {
    let faults: [S3StandIn.Fault] = [
      .refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
      .refusal(301, "PermanentRedirect", headers: ["x-amz-bucket-region: eu-west-3"]),
      .refusal(307, "TemporaryRedirect", headers: ["x-amz-bucket-region: eu-west-3", "Location: http://127.0.0.1:1/"]),
    ]
    for fault in faults {
      let server = try S3StandIn { _, _ in fault }
      for call in [{ try server.store().put(name, [65]) }, { _ = try server.store().status(of: name) }] {
        let failure = try failed(call)
        #expect(failure.reason == "the bucket bucket is in the region eu-west-3, not in us-east-1")
        #expect(failure.suggestion == "Set 's3: region: eu-west-3'")
      }
      #expect(server.requests.allSatisfy { $0.target.hasPrefix("/bucket") })
    }
  }

  @Test("A bucket that is not there is no object that is not there, by whatever call")
  func noBucket() throws {
    let server = try S3StandIn { _, _ in .refusal(404, "NoSuchBucket") }
    let store = try server.store()
    let calls: [() throws -> Void] = [
      { try store.makePlace() }, { try store.put(name, [65]) }, { _ = try store.get(name, range: nil) },
      { _ = try store.status(of: name) }, { _ = try store.list("") }, { try store.delete(name) },
    ]
    for call in calls {
      let failure = try failed(call)
      #expect(failure.reason.contains("there is no bucket bucket at 127.0.0.1"))
    }
  }

  @Test("What a key may not do is told with the right that it needs")
  func denied() throws {
    let server = try S3StandIn { _, _ in .refusal(403, "AccessDenied") }
    let store = try server.store()
    let calls: [(String, () throws -> Void)] = [
      ("s3:PutObject", { try store.put(name, [65]) }), ("s3:GetObject", { _ = try store.get(name, range: nil) }),
      ("s3:GetObject", { _ = try store.status(of: name) }), ("s3:ListBucket", { _ = try store.list("") }),
      ("s3:DeleteObject", { try store.delete(name) }), ("s3:ListBucket", { try store.makePlace() }),
    ]
    for (right, call) in calls {
      let failure = try failed(call)
      #expect(failure.kind == .denied && failure.suggestion?.contains(right) == true)
    }
  }

  @Test("A locked object is told with the end of its lock; an archived one with what to do; a full place is full")
  func states() throws {
    let locked = try S3StandIn { _, request in
      request.method == "DELETE"
        ? .refusal(403, "AccessDenied")
        : .answer(.init(headers: ["x-amz-object-lock-retain-until-date: 2099-01-02T03:04:05.000Z"]))
    }
    let failure = try failed { try locked.store().delete(name) }
    #expect(failure.reason == "the object is locked until 2099-01-02T03:04:05Z" && failure.kind == .denied)
    let archived = try S3StandIn { _, _ in .refusal(403, "InvalidObjectState") }
    #expect(try failed { _ = try archived.store().get(name, range: nil) }.kind == .permanent)
    for fault in [
      S3StandIn.Fault.refusal(507, "x"), .refusal(403, "QuotaExceeded"), .refusal(400, "XMinioStorageFull"),
    ] {
      let full = try S3StandIn { _, _ in fault }
      let store = try full.store()
      #expect(throws: StorageError.full(name, location: store.location)) { try store.put(name, [65]) }
    }
  }

  @Test("Words of the server reach no terminal as they are, and secrets no message")
  func hostileWords() throws {
    let server = try S3StandIn { _, _ in
      .answer(
        .init(
          status: 400,
          body: "<Error><Code>A\u{1b}[2J</Code><Message>\u{7}\(String(repeating: "x", count: 9999))</Message></Error>"))
    }
    let failure = try failed { try server.store().put(name, [65]) }
    #expect(!failure.reason.unicodeScalars.contains { $0.value < 32 } && failure.reason.utf8.count < 1000)
    let html = try S3StandIn { _, _ in .answer(.init(status: 403, body: "<html><p>Forbidden by proxy</html>")) }
    #expect(try failed { try html.store().put(name, [65]) }.reason.contains("Forbidden by proxy"))
  }

  // MARK: - Names that are taken

  @Test(
    "Trying a place finds out whether the server overwrites; if so, Coffer looks first, and says how to make that last")
  func overwriting() throws {
    let server = try S3StandIn(isExclusive: false)
    let made = S3TestStore(server.address)
    let store = try made.store()
    try store.makePlace()
    #expect(made.warnings.all.map(\.problem) == ["The server overwrites what is there, although it is asked not to"])
    #expect(server.content.isEmpty)
    try store.put(name, Array("first".utf8))
    #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, Array("second".utf8)) }
    let configured = try server.store("conditional_put: false")
    #expect(throws: StorageError.exists(name, location: store.location)) {
      try configured.put(name, Array("third".utf8))
    }
    #expect(server.content == ["pre/packs/ab": "first"])
    let good = try S3StandIn()
    let guarded = S3TestStore(good.address)
    try guarded.store().makePlace()
    #expect(guarded.warnings.all.isEmpty && good.content.isEmpty)
    let exclusive = try good.store()
    #expect(exclusive.abilities.refusesTakenNames == nil && configured.abilities.refusesTakenNames == false)
    try exclusive.makePlace()
    #expect(exclusive.abilities.refusesTakenNames == true)
  }

  @Test("Whoever leans on names that are taken can find out, without making the place anew")
  func learning() throws {
    let server = try S3StandIn(isExclusive: false)
    let store = try server.store()
    #expect(try store.learnAbilities(cancellation: nil).refusesTakenNames == false)
    let count = server.requests.count
    #expect(try store.learnAbilities(cancellation: nil).refusesTakenNames == false)
    #expect(server.requests.count == count && server.content.isEmpty)
    try store.put(name, Array("first".utf8))
    #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, Array("second".utf8)) }
    let good = try S3StandIn()
    let guarded = try good.store()
    for _ in 0..<2 { #expect(try guarded.learnAbilities(cancellation: nil).refusesTakenNames == true) }
    #expect(good.requests.map(\.method) == ["PUT", "PUT", "DELETE"] && good.content.isEmpty)
    let silent = try S3StandIn { _, request in
      request.headers["if-none-match"] == nil ? nil : .refusal(501, "NotImplemented")
    }
    #expect(try silent.store().learnAbilities(cancellation: nil).refusesTakenNames == false)
    let configured = try good.store("conditional_put: false")
    #expect(try configured.learnAbilities(cancellation: nil).refusesTakenNames == false && good.requests.count == 3)
  }

  @Test("A server that does not know the condition is asked without it, and looked at first")
  func notImplemented() throws {
    let server = try S3StandIn { _, request in
      request.headers["if-none-match"] == nil ? nil : .refusal(501, "NotImplemented")
    }
    let store = try server.store()
    try store.put(name, Array("first".utf8))
    #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, Array("second".utf8)) }
    #expect(server.content == ["pre/packs/ab": "first"])
    #expect(server.requests.filter { $0.headers["if-none-match"] != nil }.count == 1)
  }

  @Test("A probe that may not be removed is no foreign thing")
  func probe() throws {
    let server = try S3StandIn { _, request in request.method == "DELETE" ? .refusal(403, "AccessDenied") : nil }
    let store = try server.store()
    try store.makePlace()
    #expect(server.content.count == 1)
    #expect(try store.firstForeignEntry() == nil && store.list("").isEmpty)
  }

  // MARK: - Requests

  @Test("A put carries both sums, the condition and what the options say; nothing secret is sent")
  func request() throws {
    let server = try S3StandIn()
    try server.store("{storage_class: ONEZONE_IA, server_side_encryption: AES256}").put(name, Array("abc".utf8))
    let request = try #require(server.requests.first)
    #expect(request.method == "PUT" && request.target == "/bucket/pre/packs/ab" && request.body == "abc")
    #expect(
      request.headers["x-amz-content-sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(request.headers["content-md5"] == "kAFQmDzST7DWlj99KOF/cg==")
    #expect(request.headers["if-none-match"] == "*")
    #expect(request.headers["x-amz-storage-class"] == "ONEZONE_IA")
    #expect(request.headers["x-amz-server-side-encryption"] == "AES256")
    #expect(
      request.headers["authorization"]?.contains(
        "SignedHeaders=content-md5;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-server-side-encryption;"
          + "x-amz-storage-class,") == true)
    #expect(!"\(request)".contains("secret-key-of-tests"))
  }

  @Test("A server whose certificate nobody has signed is left, unless its authority is named")
  func authority() throws {
    let server = try TLSServer()
    let address = "s3:https://localhost:\(server.port)/bucket"
    let failure = try failed { _ = try S3TestStore(address).store().get(name, range: nil) }
    #expect(failure.kind == .permanent && failure.suggestion?.contains("'s3: ca_file'") == true)
    let trusting = try S3TestStore(address, "ca_file: '\(server.certificate)'").store()
    #expect(try !trusting.get(name, range: nil).isEmpty)
  }
}
