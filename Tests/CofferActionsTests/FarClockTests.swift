import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("Clocks that are centuries wrong")
struct FarClockTests {
  @Test("A backup is made and comes back whatever year the clock says", arguments: [-11_000_000_000.0, 60, 250e9])
  func backup(seconds: Double) throws {
    let ground = try ProgramGround("far-clock", remembersKeys: true)
    defer { ground.remove() }
    let source = "\(ground.folder)/source"
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    try ground.write("source/file", "content")
    try ground.configure("source_directories: [\(source)]")
    let clock = Clock(now: { Date(timeIntervalSince1970: seconds) }, steadySeconds: Clock.system.steadySeconds)
    for words in [
      ["repo-create", "--encryption", "repokey"], ["create"], ["repo-list"], ["info"], ["status"],
      ["list", "--archive", "latest"],
      ["check"], ["extract", "--archive", "latest", "--destination", "\(ground.folder)/out"],
    ] {
      let outcome = try ground.coffer(words, clock: clock)
      #expect(outcome.code == 0, "\(words): \(outcome.said)")
    }
    #expect(try ground.read("out\(source)/file") == "content")
  }

  @Test("A time that has no room in 64 bits of nanoseconds is the nearest that has")
  func nanoseconds() {
    #expect(Date(timeIntervalSince1970: 1.5).nanosecondsSince1970 == 1_500_000_000)
    #expect(Date(timeIntervalSince1970: -1.5).nanosecondsSince1970 == -1_500_000_000)
    for far in [1e10, 1e300, Double.infinity] {
      #expect(Date(timeIntervalSince1970: far).nanosecondsSince1970 == .max)
      #expect(Date(timeIntervalSince1970: -far).nanosecondsSince1970 == .min)
    }
    #expect(Date(timeIntervalSince1970: .nan).nanosecondsSince1970 == 0)
  }
}
