import CofferSystem

/// Why a MariaDB or MySQL server's binary log is not received.
public enum BinaryLogError: DiagnosableError, Equatable {
  /// The server writes none.
  case off(place: String)
  /// The server cannot be asked, or its program has failed. `lines` are the program's last.
  case failed(place: String, program: String, lines: [String])
  /// The connection is gone, or the server is silent.
  case lost(place: String, String)
  /// An answer is none that a server gives.
  case unexpected(place: String, String)
  /// What comes is not what a binary log has.
  case damaged(place: String, file: String, String)

  public var diagnosis: Diagnosis {
    switch self {
    case .off(let place):
      Diagnosis(
        subject: place, problem: "The server writes no binary log: log_bin is off",
        suggestion: "Write log_bin and a server_id of its own into the server's option file, and start it anew")
    case .failed(let place, let program, let lines):
      Diagnosis(
        subject: place,
        problem: "\(program) failed: \(lines.isEmpty ? "it says nothing" : lines.joined(separator: "; "))",
        suggestion: Self.suggestion(lines))
    case .lost(let place, let text):
      Diagnosis(
        subject: place, problem: "The binary log does not come any more: \(text)",
        suggestion: "Look into the server's log")
    case .unexpected(let place, let text):
      Diagnosis(
        subject: place, problem: "The server's answer is not understood: \(text)",
        suggestion: "Check that hostname and port are those of a MariaDB or MySQL server")
    case .damaged(let place, let file, let text):
      Diagnosis(
        subject: place, problem: "What comes of \(file) is not what a binary log has: \(text)",
        suggestion: "Look with SHOW BINLOG EVENTS whether the server can read the file, and see its disk")
    }
  }

  /// Whether the same may go well a while later, without anybody's doing.
  public var isTransient: Bool {
    switch self {
    case .lost: true
    case .failed(_, _, let lines): !lines.isEmpty && !lines.contains(where: Self.needsHands)
    case .off, .unexpected, .damaged: false
    }
  }

  /// Whether it is about the connection: a server that is away may come back however late.
  public var isOfConnection: Bool {
    switch self {
    case .lost: true
    case .failed(_, _, let lines):
      lines.contains { line in
        [
          "Can't connect", "Could not connect", "Lost connection", "gone away", "Too many connections", "ERROR 2002",
          "ERROR 2003", "ERROR 2006", "ERROR 2013", "hutdown in progress", "onnection refused", "timed out", "timeout",
          "Name or service not known", "emporary failure in name resolution", "No route to host",
          "etwork is unreachable", "onnection reset",
        ].contains { line.holds($0) }
      }
    case .off, .unexpected, .damaged: false
    }
  }

  /// Whether somebody has to change something first.
  private static func needsHands(_ line: String) -> Bool {
    [
      "Access denied", "access denied", "unknown option", "unknown variable", "certificate",
      "SSL connection error", "TLS/SSL error", "ERROR 2005", "Unknown MySQL server host", "Unknown server host",
      "privilege(s)", "same server_id", "same server_uuid",
    ].contains { line.holds($0) }
  }

  private static func suggestion(_ lines: [String]) -> String? {
    FailureAdvice.first(of: causes, in: lines.joined(separator: "\n"))
      ?? MariaDBFailure.suggestion(lines.joined(separator: "\n"))
  }

  private static let causes: FailureAdvice.Causes = [
    (
      "REPLICATION SLAVE privilege",
      "Give the user the right, as an administrator: GRANT REPLICATION SLAVE ON *.* TO the user"
    ),
    (
      "BINLOG MONITOR privilege",
      "Give the user the right, as an administrator: GRANT BINLOG MONITOR ON *.* TO the user"
    ),
    (
      "REPLICATION CLIENT privilege",
      "Give the user the right, as an administrator: GRANT REPLICATION CLIENT ON *.* TO the user"
    ),
    (
      "same server_id",
      "Somebody else receives from the server by that number: give the entry a server_id that nobody else has"
    ),
    (
      "same server_uuid",
      "Somebody else receives from the server by that number: give the entry a server_id that nobody else has"
    ),
  ]
}
