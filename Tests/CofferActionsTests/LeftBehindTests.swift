import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferActions

@Suite("A reader that holds up the others")
struct LeftBehindTests {
  /// Time that goes only when a test says so.
  private final class Time: Sendable {
    private let seconds = Mutex(0.0)
    private let lookCount = Mutex(0)

    /// How often the clock was looked at.
    var looks: Int { lookCount.withLock { $0 } }

    func pass(_ count: Double) { seconds.withLock { $0 += count } }

    var clock: Clock {
      Clock(
        now: { Date(timeIntervalSince1970: 0) },
        steadySeconds: {
          self.lookCount.withLock { $0 += 1 }
          return self.seconds.withLock { $0 }
        })
    }
  }

  private final class Zeros: ByteSource {
    private var left: Int

    init(_ count: Int) {
      left = count
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      let count = min(left, buffer.count)
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      left -= count
      return count
    }
  }

  private let time = Time()
  private let left = Monitor<[Int]>([])

  private func fanOut(
    _ count: Int, limits: [Double], isOver: @escaping @Sendable (Int, Bool) -> Bool = { $1 }
  ) -> StreamFanOut {
    StreamFanOut(
      Zeros(count), readers: limits.count,
      patience: StreamFanOut.Patience(limits: limits, clock: time.clock, isOver: isOver) { [left] number in
        left.update { $0.append(number) }
      })
  }

  /// Waits until a distribution that waits has looked at the clock so many times more.
  private func awaitLooks(_ count: Int) {
    let end = time.looks + count
    while time.looks < end { usleep(1000) }
  }

  /// Reads a branch to its end, and tells how much it had from time to time.
  private func count(_ branch: StreamFanOut.Branch, _ tell: (Int) -> Void = { _ in }) throws -> Int {
    var all = 0
    var piece = [UInt8](repeating: 1, count: 100_000)
    while true {
      let count = try piece.withUnsafeMutableBytes { try branch.read(into: $0) }
      guard count > 0 else { return all }
      all += count
      tell(all)
    }
  }

  @Test("It is left behind after its limit, and the others get everything", .timeLimit(.minutes(1)))
  func stalled() throws {
    let total = 20_000_000
    let fanOut = fanOut(total, limits: [1_000_000, 30])
    let got = Monitor(0)
    let branches = fanOut.branches
    let reader = try WorkerThread(name: "reader") {
      let all = try? count(branches[0])
      got.update { $0 = all ?? -1 }
    }
    // The other one reads nothing: time passes until it is given up.
    let hasEnded = Monitor(false)
    let watch = try WorkerThread(name: "time") {
      while !hasEnded.update({ $0 }) {
        time.pass(1)
        usleep(1000)
      }
    }
    try fanOut.distribute()
    hasEnded.update { $0 = true }
    reader.join()
    watch.join()
    #expect(got.update { $0 } == total)
    #expect(left.update { $0 } == [1])
    #expect(throws: StreamFanOut.LeftBehind.self) { try count(branches[1]) }
  }

  @Test("While the whole program is stopped nobody's time runs", .timeLimit(.minutes(1)))
  func stopped() throws {
    let total = 8_000_000
    let fanOut = fanOut(total, limits: [1_000_000, 30])
    let sums = Monitor([Int: Int]())
    let branches = fanOut.branches
    let readers = try (0..<2).map { number in
      try WorkerThread(name: "reader") {
        let all = try? count(branches[number]) { all in
          guard number == 1, all == 100_000 else { return }
          // More looks than there are pieces to be given until it is this reader that is waited for.
          awaitLooks(30)
          time.pass(100_000)
          awaitLooks(3)
        }
        sums.update { $0[number] = all }
      }
    }
    try fanOut.distribute()
    for reader in readers { reader.join() }
    #expect(sums.update { $0 } == [0: total, 1: total])
    #expect(left.update { $0 } == [])
  }

  @Test("When nobody else is left it may take as long as it wants", .timeLimit(.minutes(1)))
  func alone() throws {
    let total = 8_000_000
    let passes = Monitor(0)
    let fanOut = fanOut(total, limits: [30, 30]) { _, limitHasPassed in
      if limitHasPassed { passes.update { $0 += 1 } }
      return false
    }
    let branches = fanOut.branches
    branches[0].stop()
    let got = Monitor(0)
    let reader = try WorkerThread(name: "reader") {
      while passes.update({ $0 }) == 0 {
        time.pass(1)
        usleep(1000)
      }
      let all = try? count(branches[1])
      got.update { $0 = all ?? -1 }
    }
    try fanOut.distribute()
    reader.join()
    #expect(got.update { $0 } == total)
    #expect(left.update { $0 } == [])
  }

  @Test("One that is slow but takes something within its limit stays", .timeLimit(.minutes(1)))
  func slow() throws {
    let total = 8_000_000
    let fanOut = fanOut(total, limits: [50, 50])
    let sums = Monitor([Int: Int]())
    let branches = fanOut.branches
    let readers = try (0..<2).map { number in
      try WorkerThread(name: "reader") {
        let all = try? count(branches[number]) { _ in if number == 1 { time.pass(0.5) } }
        sums.update { $0[number] = all }
      }
    }
    try fanOut.distribute()
    for reader in readers { reader.join() }
    #expect(sums.update { $0 } == [0: total, 1: total])
    #expect(left.update { $0 } == [])
  }
}
