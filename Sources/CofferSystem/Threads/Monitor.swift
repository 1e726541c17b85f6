import Foundation

/// A value behind a lock, with waiting for it to become something.
///
/// Blocking belongs on threads of our own; nothing here touches the cooperative pool.
public final class Monitor<State>: @unchecked Sendable {
  // Sound because `state` is touched only between `lock` and `unlock` of `condition`.
  private var state: State
  private let condition = NSCondition()

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
}

/// A queue that makes its writers wait when it is full, and its readers when it is empty.
public final class BoundedQueue<Element: Sendable>: Sendable {
  private struct Content: Sendable {
    var elements: [Element] = []
    var isClosed = false
  }

  private let capacity: Int
  private let content = Monitor(Content())

  public init(capacity: Int) {
    self.capacity = capacity
  }

  /// Adds an element once there is room.
  ///
  /// - Returns: false when the queue was closed; the element was not taken.
  @discardableResult
  public func push(_ element: Element) -> Bool {
    content.wait(until: { [capacity] in $0.elements.count < capacity || $0.isClosed }) { content in
      guard !content.isClosed else { return false }
      content.elements.append(element)
      return true
    }
  }

  /// Takes the oldest element once there is one.
  ///
  /// - Returns: nil once the queue is closed and empty.
  public func pop() -> Element? {
    content.wait(until: { !$0.elements.isEmpty || $0.isClosed }) { content in
      content.elements.isEmpty ? nil : content.elements.removeFirst()
    }
  }

  /// Lets readers take what is left and refuses new elements.
  public func close() {
    content.update { $0.isClosed = true }
  }

  /// Closes the queue and takes out what is left.
  @discardableResult
  public func abandon() -> [Element] {
    content.update { content in
      defer { content.elements.removeAll() }
      content.isClosed = true
      return content.elements
    }
  }
}
