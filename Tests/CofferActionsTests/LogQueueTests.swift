import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("What has been received of a log, on its way to several repositories")
struct LogQueueTests {
  /// What stands for two repositories: the second may be away.
  private final class Bench: Sendable {
    struct State {
      var has: [[Int]] = [[], []]
      var isAway = false
      var refuses = false
      var everywhere: [Int] = []
      var tidied: [[Int]] = [[], []]
    }

    struct Refused: Error {}

    let state = Monitor(State())
    let said = Monitor<[String]>([])
    let means: ReceiveMeans
    let queue: LogQueue<Int>
    let threads: [WorkerThread]

    init(_ limits: LogLimits) throws {
      var means = ReceiveMeans(
        repositories: [], clock: .system,
        console: Console(
          verbosity: -2, environment: ProcessEnvironment([:]), noColor: true, sinks: [Sink(said: said)]),
        cancellation: try Cancellation(), storing: try Cancellation(), wake: try Wakeup(), progress: Monitor(""))
      means.limits = limits
      self.means = means
      queue = LogQueue(["first", "second"], means, keeping: "it keeps all")
      let state = state
      threads = try queue.start(
        LogQueue.Work(
          put: { job, lane in
            try state.update { state in
              if lane == 1, state.refuses { throw Refused() }
              if lane == 1, state.isAway {
                throw StorageError.failed(
                  nil, location: "second", StorageFailure(.transient, "put", reason: "it is away"))
              }
              state.has[lane].append(job)
              return LogMark(major: 0, minor: UInt64(job))
            }
          }, stored: { job in state.update { $0.everywhere.append(job) } },
          tidy: { job, lane in state.update { $0.tidied[lane].append(job) } }))
    }

    func wait(_ what: String, _ holds: (State) -> Bool) throws {
      let deadline = Date().addingTimeInterval(60)
      let isSo: Void? = state.wait(until: holds, orUntil: { Date() > deadline }, then: { _ in })
      try #require(isSo != nil, "\(what): \(state.update { $0 })")
    }

    func says(_ text: String) throws {
      let deadline = Date().addingTimeInterval(60)
      let isSaid: Void? = said.wait(
        until: { $0.contains { $0.holds(text) } }, orUntil: { Date() > deadline }, then: { _ in })
      try #require(isSaid != nil, "\(text): \(said.update { $0 })")
    }
  }

  private struct Sink: ConsoleSink {
    let said: Monitor<[String]>
    func take(_ text: String, level: Int) { said.update { $0.append(text) } }
  }

  @Test("One repository that is away keeps the log from no other, and gets all that it lacks when it is back")
  func away() throws {
    let bench = try Bench(LogLimits(bytes: 50, jobs: 100, seconds: 30))
    bench.queue.give(1, size: 10)
    try bench.queue.settle(bench.means.cancellation)
    bench.state.update { $0.isAway = true }
    for job in 2...40 {
      while !bench.queue.hasRoom { usleep(1000) }
      bench.queue.give(job, size: 10)
    }
    try bench.wait("first") { $0.has[0] == Array(1...40) }
    try bench.says("The other repositories go on")
    #expect(bench.state.update { $0.has[1] == [1] && $0.everywhere == [1] && $0.tidied[0].count >= 39 })
    // It does not wait for who is away either.
    try bench.queue.settle(bench.means.cancellation)
    #expect(bench.queue.following == [0] && !bench.queue.isComplete && bench.queue.isIdle && bench.queue.waiting == 0)
    bench.state.update { $0.isAway = false }
    try bench.says("It answers again")
    while !bench.queue.hasReturned { usleep(1000) }
    #expect(bench.state.update { $0.has[1] == [1, 2] && $0.everywhere == [1] })
    try bench.queue.settle(bench.means.cancellation)
    #expect(bench.queue.isComplete)
    for job in 3...41 { bench.queue.give(job, size: 1) }
    try bench.queue.settle(bench.means.cancellation)
    #expect(bench.state.update { $0.has[1] == Array(1...41) && $0.everywhere == [1] + Array(3...41) })
    try bench.says("It has all of the log again")
    try bench.queue.finish(bench.threads, place: "server")
    #expect(bench.said.update { $0.filter { $0.holds("cannot be stored just now") }.count } == 1)
  }

  @Test("A short absence is made up for by what waits")
  func short() throws {
    let bench = try Bench(LogLimits())
    bench.state.update { $0.isAway = true }
    for job in 1...20 { bench.queue.give(job, size: 10) }
    try bench.wait("first") { $0.has[0] == Array(1...20) }
    try bench.says("cannot be stored just now")
    bench.state.update { $0.isAway = false }
    try bench.wait("everywhere") { $0.everywhere == Array(1...20) }
    #expect(bench.state.update { $0.has[1] == Array(1...20) } && bench.queue.isComplete)
    try bench.says("The log is stored again")
    try bench.queue.finish(bench.threads, place: "server")
  }

  @Test("At the end those that are there get what waits, and which one lacks it is said")
  func end() throws {
    let bench = try Bench(LogLimits())
    bench.state.update { $0.isAway = true }
    for job in 1...20 { bench.queue.give(job, size: 10) }
    let error = #expect(throws: ReceiveError.self) { try bench.queue.finish(bench.threads, place: "server") }
    #expect(error?.diagnosis.problem.holds("second was away") == true)
    #expect(bench.state.update { $0.has[0] == Array(1...20) && $0.everywhere.isEmpty })
  }

  @Test("What cannot pass ends it, and the other repository gets what came before")
  func failure() throws {
    let bench = try Bench(LogLimits())
    bench.state.update { $0.refuses = true }
    for job in 1...20 { bench.queue.give(job, size: 10) }
    #expect(throws: Bench.Refused.self) {
      while true {
        try bench.queue.check()
        usleep(1000)
      }
    }
    #expect(throws: Bench.Refused.self) { try bench.queue.finish(bench.threads, place: "server") }
    #expect(bench.state.update { $0.has[0] == Array(1...20) })
  }
}
