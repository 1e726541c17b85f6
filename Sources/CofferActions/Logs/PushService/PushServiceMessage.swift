import CofferHooks
import CofferSystem

/// What a push and the process that keeps the repository open say to each other.
enum PushServiceMessage {
  /// A file that is to be stored, as whoever asks has seen it.
  struct Request {
    let version: String
    let path: String

    /// Bytes at most: a path has 4,096 (PATH_MAX of Linux).
    static let limit = 5 << 10

    init(_ file: WALFile) throws(SystemError) {
      version = try file.version().text
      path = file.path
    }

    /// - Returns: nil for what is no request.
    init?(_ bytes: [UInt8]) {
      guard bytes.count < Self.limit, let text = String(validating: bytes, as: UTF8.self),
        case let parts = text.parts(by: "\0", limit: 2), parts.count == 2
      else { return nil }
      (version, path) = (parts[0], parts[1])
    }

    var bytes: [UInt8] { Array(version.utf8) + [0] + Array(path.utf8) }
  }

  /// A byte.
  enum Answer: UInt8 {
    /// It could not be stored; whoever asks does it, and learns why.
    case failed
    case stored
    case storedBefore
    /// It is at work: said each second.
    case working
  }
}
