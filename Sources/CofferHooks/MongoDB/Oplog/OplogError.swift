import CofferSystem

/// Why a MongoDB server's oplog is not received.
public enum OplogError: DiagnosableError, Equatable {
  /// The server has none.
  case none(place: String)
  /// There is a user without a password.
  case withoutPassword(place: String)
  /// mongodump has failed. `lines` are its last.
  case failed(place: String, program: String, lines: [String])
  /// The server is silent, or has not what it had.
  case lost(place: String, String)
  /// What comes is not what an oplog has.
  case damaged(place: String, String)

  public var diagnosis: Diagnosis {
    switch self {
    case .none(let place):
      Diagnosis(
        subject: place, problem: "The server shows this user no oplog (local.oplog.rs)",
        suggestion:
          "It has to be a member of a replica set: start it with --replSet, and run rs.initiate() once; one member is "
          + "enough. The user needs the role 'backup'")
    case .withoutPassword(let place):
      Diagnosis(
        subject: place, problem: "It has a username but no password, and mongodump would ask for one",
        suggestion: "Set password or password_file in its entry of mongodb_servers")
    case .failed(let place, let program, let lines):
      Diagnosis(
        subject: place,
        problem: "\(program) failed: \(lines.isEmpty ? "it says nothing" : lines.suffix(5).joined(separator: "; "))",
        suggestion: MongoDBFailure.suggestion(lines.joined(separator: "\n")))
    case .lost(let place, let text):
      Diagnosis(
        subject: place, problem: "The oplog does not come: \(text)",
        suggestion: "Check with rs.status() how the members of the replica set are")
    case .damaged(let place, let text):
      Diagnosis(
        subject: place, problem: "What comes is not what an oplog has: \(text)",
        suggestion: "Check that mongodump's own options change nothing of what it writes, and is of the server's time")
    }
  }

  /// Whether the same may go well a while later, without anybody's doing.
  public var isTransient: Bool {
    switch self {
    case .lost: true
    case .failed(_, _, let lines): !lines.isEmpty && !lines.contains(where: Self.needsHands)
    case .none, .withoutPassword, .damaged: false
    }
  }

  /// Whether somebody has to change something first.
  private static func needsHands(_ line: String) -> Bool {
    [
      "Authentication failed", "AuthenticationFailed", "auth error", "not authorized", "requires authentication",
      "unknown flag", "unknown option", "error parsing", "error validating", "x509", "certificate", "invalid ",
    ].contains { line.holds($0) }
  }
}
