import CofferSystem
import Testing

@testable import CofferActions

@Suite("How many dumps are made at the same time")
struct DumpTurnTests {
  private struct Seen: Sendable {
    var running = 0
    var most = 0
    var ended = 0
  }

  @Test(
    "No more have a turn than there are turns, one that was begun twice counts once, and what follows needs none",
    arguments: [1, 3])
  func turns(count: Int) throws {
    let turns = DumpTurns(count)
    let seen = Monitor(Seen())
    let threads = try (0..<8).map { number in
      try WorkerThread(name: "lane \(number)") {
        for _ in 0..<50 {
          let turn = DumpTurn(turns)
          turn.begin()
          turn.begin()
          seen.update {
            $0.running += 1
            $0.most = max($0.most, $0.running)
          }
          seen.update { $0.running -= 1 }
          turn.end()
          turn.end()
          seen.update { $0.ended += 1 }
        }
      }
    }
    for thread in threads { thread.join() }
    let outcome = seen.update { $0 }
    #expect(outcome.most <= count && outcome.most > 0 && outcome.ended == 400)

    // While one has the only turn, another waits; behind its end it does not.
    let only = DumpTurns(1)
    let first = DumpTurn(only)
    first.begin()
    let isThere = Monitor(false)
    let second = try WorkerThread(name: "second") {
      let turn = DumpTurn(only)
      turn.begin()
      isThere.update { $0 = true }
      turn.end()
    }
    #expect(!second.join(orUntil: { true }) && !isThere.update { $0 })
    first.end()
    second.join()
    #expect(isThere.update { $0 })
  }
}
