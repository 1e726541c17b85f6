import CofferSystem
import Synchronization

/// As many turns as dumps are to be made at the same time.
final class DumpTurns: Sendable {
  private struct State {
    var free: Int
    /// Turns that have begun, and whose dump programs do not run yet.
    var starting = 0
  }

  private let state: Monitor<State>

  init(_ count: Int) {
    state = Monitor(State(free: count))
  }

  fileprivate func take() { state.wait(until: { $0.free > 0 }, then: Self.begin) }

  /// - Returns: false when there was none before `isOver` holds, which is looked at now and then.
  fileprivate func take(orUntil isOver: () -> Bool) -> Bool {
    state.wait(until: { $0.free > 0 }, orUntil: isOver, then: Self.begin) != nil
  }

  private static func begin(_ state: inout State) {
    state.free -= 1
    state.starting += 1
  }

  fileprivate func giveBack(wasStarting: Bool) {
    state.update { state in
      state.free += 1
      if wasStarting { state.starting -= 1 }
    }
  }

  fileprivate func start() { state.update { $0.starting -= 1 } }

  /// Waits until there is a turn, or those who have one do no more than wait for their dump programs.
  ///
  /// - Returns: Whether there is none.
  fileprivate func waitForStarts() -> Bool {
    state.wait(until: { $0.free > 0 || $0.starting == 0 }) { $0.free == 0 }
  }
}

/// One dump's turn. Whoever has one gives it back, at the latest with its failure; so nobody waits for ever.
final class DumpTurn: Sendable {
  private enum State {
    case waiting
    /// Its dump program does not run yet.
    case starting
    case running
  }

  private let turns: DumpTurns
  private let state = Mutex(State.waiting)

  init(_ turns: DumpTurns) {
    self.turns = turns
  }

  private var isHeld: Bool { state.withLock { $0 != .waiting } }

  private func hold() { state.withLock { $0 = .starting } }

  /// Waits for a turn, if there is none.
  func begin() {
    guard !isHeld else { return }
    turns.take()
    hold()
  }

  /// Waits for a turn as `begin()` does, doing something meanwhile that need not be done before.
  ///
  /// - Parameters:
  ///   - prepare: Called while all turns are taken, when the others' dump programs run: it is in nobody's way then.
  ///   - isOver: Whether what was prepared is too old; asked behind `prepare`, now and then.
  /// - Returns: What was prepared; nil where there was nothing to wait for, and where it is too old. Nobody holds it then while the
  ///   turn is waited for.
  func begin<Prepared>(preparing prepare: () -> Prepared, until isOver: () -> Bool) -> Prepared? {
    guard !isHeld, turns.waitForStarts() else {
      begin()
      return nil
    }
    var prepared: Prepared? = prepare()
    if turns.take(orUntil: isOver) {
      hold()
    } else {
      prepared = nil
      begin()
    }
    return prepared
  }

  /// Tells that the dump program runs.
  func start() {
    state.withLock { state in
      guard state == .starting else { return }
      state = .running
      turns.start()
    }
  }

  /// Gives the turn back, if there is one.
  func end() {
    state.withLock { state in
      guard state != .waiting else { return }
      turns.giveBack(wasStarting: state == .starting)
      state = .waiting
    }
  }
}
