import CofferSystem
import FoundationEssentials

/// A line that was said, and when.
public struct LogLine: Sendable, Equatable {
  public let time: Date
  public let text: String

  public init(time: Date, text: String) {
    self.time = time
    self.text = text
  }
}

/// Keeps the newest lines of what is said, in a bounded number of bytes.
public final class LogBuffer: Sendable {
  private struct Content: Sendable {
    var lines: [LogLine] = []
    /// How many of them, the oldest, are not kept any more: they go when they are half of all, not one by one.
    var surplus = 0
    /// Of those that are kept.
    var bytes = 0
  }

  private let clock: Clock
  private let limit: Int
  private let content = Monitor(Content())

  /// - Parameter limit: In bytes; the newest line is kept in any case.
  public init(clock: Clock, limit: Int = 1 << 20) {
    self.clock = clock
    self.limit = limit
  }

  public func add(_ text: String) {
    let line = LogLine(time: clock.now(), text: text)
    content.update { [limit] content in
      content.lines.append(line)
      content.bytes += text.utf8.count + 1
      while content.bytes > limit, content.surplus < content.lines.count - 1 {
        content.bytes -= content.lines[content.surplus].text.utf8.count + 1
        content.surplus += 1
      }
      guard content.surplus > content.lines.count / 2 else { return }
      content.lines.removeFirst(content.surplus)
      content.surplus = 0
    }
  }

  public var lines: [LogLine] { content.update { Array($0.lines[$0.surplus...]) } }
}
