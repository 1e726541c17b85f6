import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Real servers of object storage")
struct S3ServerTests {
  private let name = ObjectName(wellFormed: "packs/ab")

  @Test(
    "The contract of stores is held against all of them",
    .enabled(if: S3TestServer.allCases.allSatisfy(\.isStarted), "contrib/test starts them where PyPI can be reached"))
  func contract() {
    #expect(StoreUnderTest.all.filter { $0.testDescription.hasPrefix("S3 at") }.count == 3)
  }

  @Test(
    "SeaweedFS refuses to overwrite, wrong keys, and deletes beyond a key's rights",
    .enabled(if: S3TestServer.seaweedfs.isStarted))
  func seaweedfs() throws {
    let made = S3TestStore(try S3TestServer.seaweedfs.address(), environment: S3TestServer.keys)
    let store = try made.store()
    try store.makePlace()
    #expect(made.warnings.all.isEmpty)
    #expect(try store.firstForeignEntry() == nil)
    try store.put(name, [1])
    for (key, value) in [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "nobody")] {
      var wrong = made
      wrong.environment[key] = value
      let error = #expect(throws: StorageError.self) { try wrong.store().get(name, range: nil) }
      #expect(error?.kind == .denied)
    }
    var reader = made
    reader.environment["AWS_ACCESS_KEY_ID"] = "coffer-reader"
    let reading = try reader.store()
    #expect(try reading.get(name, range: nil) == [1])
    for call in [{ try reading.put(try objectName("b"), [1]) }, { try reading.delete(name) }] {
      let error = #expect(throws: StorageError.self) { try call() }
      #expect(error?.kind == .denied)
    }
    #expect(try store.list("").map(\.name) == [name])
  }

  @Test(
    "SeaweedFS has no bucket that nobody made, and is asked at a time that it accepts",
    .enabled(if: S3TestServer.seaweedfs.isStarted))
  func places() throws {
    var late = S3TestStore(try S3TestServer.seaweedfs.address(), environment: S3TestServer.keys)
    late.clock = Clock(now: { Date().addingTimeInterval(-7230) }, steadySeconds: { 0 })
    let skewed = #expect(throws: StorageError.self) { try late.store().get(name, range: nil) }
    #expect(skewed?.diagnosis.problem.contains("2 h 0 min behind") == true, "\(String(describing: skewed))")
    let address = try S3TestServer.seaweedfs.address(below: "-absent")
    let store = try S3TestStore(address, environment: S3TestServer.keys).store()
    let error = #expect(throws: StorageError.self) { try store.makePlace() }
    #expect(error?.diagnosis.problem.contains("there is no bucket") == true, "\(String(describing: error))")
  }

  @Test(
    "What is locked is deleted by nobody before its time, and the message says when that is",
    arguments: [S3TestServer.seaweedfs, .moto].filter(\.isStarted))
  func locked(_ server: S3TestServer) throws {
    let address = try server.address(below: "-locked")
    let store = try S3TestStore(
      address, "{object_lock_days: 2, object_lock_mode: compliance}", environment: S3TestServer.keys
    ).store()
    try store.put(name, [1, 2])
    #expect(throws: StorageError.exists(name, location: address)) { try store.put(name, [3]) }
    #expect(try store.get(name, range: nil) == [1, 2])
    // The server keeps the version; without one named, a delete only hides it.
    let end = try store.lockEnd(name, nil)
    #expect(abs(try #require(end).timeIntervalSinceNow - 2 * 86_400) < 600)
  }

  @Test("rclone overwrites: found out by a try, it is looked at first", .enabled(if: S3TestServer.rclone.isStarted))
  func rclone() throws {
    let made = S3TestStore(try S3TestServer.rclone.address(), environment: S3TestServer.keys)
    let store = try made.store()
    try store.makePlace()
    #expect(made.warnings.all.count == 1)
    try store.put(name, [1])
    #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, [2]) }
    #expect(try store.get(name, range: nil) == [1])
  }
}
