/// A queue that makes its writers wait when it is full, and its readers when it is empty.
public final class BoundedQueue<Element: Sendable>: Sendable {
  private struct Content: Sendable {
    var elements: [Element] = []
    var isClosed = false
    var failure: (any Error)?
  }

  private let capacity: Int
  private let content = Monitor(Content())

  public init(capacity: Int) {
    self.capacity = capacity
  }

  /// Why the queue was closed before its writers were done; the first reason counts.
  public var failure: (any Error)? { content.update { $0.failure } }

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

  /// Adds an element once there is room, unless `isOver` holds before.
  ///
  /// - Returns: As `push`; nil when there was no room in time.
  public func push(_ element: Element, orUntil isOver: () -> Bool) -> Bool? {
    content.wait(
      until: { [capacity] in $0.elements.count < capacity || $0.isClosed }, orUntil: isOver
    ) { content in
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
  public func close(_ failure: (any Error)? = nil) {
    content.update { content in
      content.isClosed = true
      content.failure = content.failure ?? failure
    }
  }

  /// Closes the queue and takes out what is left.
  @discardableResult
  public func abandon(_ failure: (any Error)? = nil) -> [Element] {
    content.update { content in
      defer { content.elements.removeAll() }
      content.isClosed = true
      content.failure = content.failure ?? failure
      return content.elements
    }
  }
}
