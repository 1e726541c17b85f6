import CofferSystem

/// As many turns as dumps are to be made at the same time.
final class DumpTurns: Sendable {
  private let free: Monitor<Int>

  init(_ count: Int) {
    free = Monitor(count)
  }

  fileprivate func take() { free.wait(until: { $0 > 0 }) { $0 -= 1 } }

  fileprivate func giveBack() { free.update { $0 += 1 } }
}

/// One dump's turn, of one thread. Whoever has one gives it back, at the latest with its failure; so nobody waits for ever.
final class DumpTurn {
  private let turns: DumpTurns
  private var isHeld = false

  init(_ turns: DumpTurns) {
    self.turns = turns
  }

  /// Waits for a turn, if there is none.
  func begin() {
    guard !isHeld else { return }
    turns.take()
    isHeld = true
  }

  func end() {
    guard isHeld else { return }
    isHeld = false
    turns.giveBack()
  }
}
