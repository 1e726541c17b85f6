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

  /// What tells when the last that holds it is gone.
  private final class Held: Sendable {
    private let isGone: Monitor<Bool>

    init(_ isGone: Monitor<Bool>) { self.isGone = isGone }

    deinit { isGone.update { $0 = true } }
  }

  @Test(
    "Who has to wait prepares while the others' programs run, and what has grown old is let go before the turn comes")
  func preparing() throws {
    let turns = DumpTurns(1)
    let first = DumpTurn(turns)
    let none: Bool? = first.begin(preparing: { true }, until: { true })
    #expect(none == nil, "nobody waits")

    let (isPrepared, isGone, isOver) = (Monitor(false), Monitor(false), Monitor(false))
    let second = try WorkerThread(name: "second") {
      let turn = DumpTurn(turns)
      let held: Held? = turn.begin(
        preparing: {
          isPrepared.update { $0 = true }
          return Held(isGone)
        }, until: { isOver.update { $0 } })
      #expect(held == nil)
      turn.end()
    }
    // Before the first one's program runs, nobody gets in its way.
    #expect(!second.join(orUntil: { true }) && !isPrepared.update { $0 })
    first.start()
    first.start()
    isPrepared.wait(until: { $0 }) { _ in }
    #expect(!second.join(orUntil: { true }) && !isGone.update { $0 })
    isOver.update { $0 = true }
    isGone.wait(until: { $0 }) { _ in }
    #expect(!second.join(orUntil: { true }))
    first.end()
    second.join()

    let third = DumpTurn(turns)
    third.begin()
    third.start()
    let fourth = try WorkerThread(name: "fourth") {
      let turn = DumpTurn(turns)
      let ready: Bool? = turn.begin(
        preparing: {
          isPrepared.update { $0 = false }
          return true
        }, until: { false })
      #expect(ready == true)
      turn.start()
      turn.end()
    }
    isPrepared.wait(until: { !$0 }) { _ in }
    third.end()
    fourth.join()
    // One that ends before its program runs holds up nobody either.
    third.begin()
    third.end()
    third.begin()
    third.end()
  }
}
