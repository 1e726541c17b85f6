import CofferSystem
import FoundationEssentials
import Glibc

/// One thing that was said, as a line of a log.
struct LogRecord: Sendable, Equatable {
  enum Level: String, Sendable {
    case error = "ERROR"
    case warning = "WARNING"
    case answer = "ANSWER"
    case info = "INFO"
    case debug = "DEBUG"

    /// How urgent it is for the system's log.
    var priority: Int32 {
      switch self {
      case .error: LOG_ERR
      case .warning: LOG_WARNING
      case .answer: LOG_NOTICE
      case .info: LOG_INFO
      case .debug: LOG_DEBUG
      }
    }
  }

  let level: Level
  let message: String

  /// - Parameters:
  ///   - text: As the console prints it, with nothing in it that others could forge a line with.
  ///   - verbosity: The verbosity from which on it is seen.
  init(_ text: String, verbosity: Int) {
    let found: Level =
      switch verbosity {
      case ..<0: .error
      case 0: text.begins(with: "warning: ") ? .warning : .answer
      case 1: .info
      default: .debug
      }
    level = found
    let start = "\(found.rawValue.lowercased()): "
    message = text.after(beginning: start) ?? text
  }

  /// Puts the line into a format with names in braces; other names stay.
  func formatted(_ format: String, at time: Date) -> String {
    let milliseconds = Int((time.timeIntervalSince1970 * 1000).rounded(.down)) % 1000
    let clock = Formats.strftime("%Y-%m-%d %H:%M:%S", time) + "," + String(printf: "%03d", milliseconds)
    return format.swapping("{asctime}", for: clock).swapping("{levelname}", for: level.rawValue)
      .swapping("{prefix}", for: "").swapping("{message}", for: message)
  }
}
