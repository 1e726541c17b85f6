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
      var surplus = 0
      while content.bytes > limit, surplus < content.lines.count - 1 {
        content.bytes -= content.lines[surplus].text.utf8.count + 1
        surplus += 1
      }
      content.lines.removeFirst(surplus)
    }
  }

  public var lines: [LogLine] { content.update { $0.lines } }
}
