import CofferSystem
import Synchronization
import Testing

@testable import CofferRepository

@Suite("Where the time goes")
struct TimingsTests {
  @Test("Every stage is told with its seconds and bytes, in the order of the work, and others are left out")
  func sums() {
    let clock = ManualClock()
    let times: Timings? = Timings(clock: clock.clock)
    times.measure(.write, bytes: 5) { clock.advance(1) }
    times.measure(.read, bytes: 100) { clock.advance(2) }
    times.measure(.read, bytes: 20) { clock.advance(0.5) }
    struct Failure: Error {}
    #expect(throws: Failure.self) {
      try times.measure(.hash) {
        clock.advance(4)
        throw Failure()
      }
    }
    let spent = times?.spent ?? []
    #expect(spent.map(\.work) == [.read, .hash, .write])
    #expect(spent.map(\.sum) == [.init(seconds: 2.5, bytes: 120), .init(seconds: 4), .init(seconds: 1, bytes: 5)])
  }

  @Test("A backup and a restore tell what went through each stage")
  func run() throws {
    let repository = try TestRepository()
    func opened() throws -> (Repository, Timings) {
      let times = Timings(clock: .system)
      let surroundings = RepositorySurroundings(
        clock: .system, random: .system, keyFolder: "", workers: 2, times: times)
      return (
        try Repository.open(in: repository.store, passphrase: TestRepository.passphrase, surroundings: surroundings),
        times
      )
    }
    let content = dumpLikeBytes(3_000_000, seed: 1)
    let (writer, writing) = try opened()
    let archive = try repository.backUp(["a": content], with: writer)
    let written = Dictionary(uniqueKeysWithValues: writing.spent.map { ($0.work, $0.sum) })
    #expect(written[.passphrase] != nil && written[.index] != nil)
    // The list of the archive's items goes through the same stages.
    for stage in [.read, .hash, .compress] as [Timings.Work] {
      let bytes = try #require(written[stage]).bytes
      #expect((3_000_000...3_100_000).contains(bytes), "\(stage.title): \(bytes)")
    }
    let (other, reading) = try opened()
    let reader = try other.reader()
    let cancellation = try Cancellation()
    for item in try reader.items(of: archive, cancellation: cancellation) {
      if case .file(let stream) = item.content {
        try reader.read(stream, into: MemorySink(), cancellation: cancellation)
      }
    }
    let read = Dictionary(uniqueKeysWithValues: reading.spent.map { ($0.work, $0.sum) })
    #expect(try #require(read[.verify]).bytes >= 3_000_000)
    #expect(try #require(read[.write]).bytes >= 3_000_000)
    #expect(read[.compress] == nil)
    #expect(writing.decodedForEachRestored == nil)
    let ratio = try #require(reading.decodedForEachRestored)
    #expect((1...1.1).contains(ratio), "\(ratio)")
  }
}
