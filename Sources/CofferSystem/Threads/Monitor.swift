/// A value behind a lock, with waiting for it to become something.
///
/// Blocking belongs on threads of our own; nothing here touches the cooperative pool.
public final class Monitor<State>: @unchecked Sendable {
  // Sound because `state` is touched only between `lock` and `unlock` of `condition`.
  private var state: State
  private let condition = Condition()

  public init(_ state: sending State) {
    self.state = state
  }

  /// Changes the value and wakes everyone who waits for it.
  public func update<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&state)
  }

  /// Waits until `ready` holds, then changes the value and wakes the others.
  public func wait<Result>(
    until ready: (State) -> Bool, then body: (inout State) throws -> Result
  ) rethrows -> Result {
    condition.lock()
    while !ready(state) { condition.wait() }
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&state)
  }

  /// Waits as `wait(until:then:)` does, but no longer than until `isOver` holds, which is looked at now and then.
  ///
  /// - Returns: nil when that came first.
  public func wait<Result>(
    until ready: (State) -> Bool, orUntil isOver: () -> Bool, then body: (inout State) throws -> Result
  ) rethrows -> Result? {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    while !ready(state) {
      if isOver() { return nil }
      condition.wait(nanoseconds: Self.interval)
    }
    return try body(&state)
  }

  /// Nanoseconds between two looks.
  private static var interval: Int { 50_000_000 }
}
