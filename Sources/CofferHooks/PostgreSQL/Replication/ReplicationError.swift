import CofferSystem

/// Why a server did not do what it was asked by the replication protocol.
public enum ReplicationError: DiagnosableError, Equatable {
  /// PostgreSQL's client library is missing, or is not what it should be.
  case library(String)
  /// There is no connection. `state` is SQLSTATE where the server gave one.
  case unreachable(place: String, String)
  /// The connection ended, or the server is silent.
  case lost(place: String, String)
  /// The server has not answered in time.
  case silent(place: String)
  /// The server refused a command. `state` is SQLSTATE, five characters; empty where the server gave none.
  case refused(place: String, command: String, state: String, String)
  /// The server's answer is none that the protocol knows.
  case unexpected(place: String, String)

  public var diagnosis: Diagnosis {
    switch self {
    case .library(let detail):
      Diagnosis(
        subject: PostgreSQLLibrary.fileName, problem: "PostgreSQL's client library cannot be used: \(detail)",
        suggestion: "On Debian: apt-get install libpq5")
    case .unreachable(let place, let text):
      Diagnosis(
        subject: place, problem: "No connection for replication: \(text)", suggestion: Self.suggestion(text))
    case .lost(let place, let text):
      Diagnosis(
        subject: place, problem: "The connection for replication is gone: \(text)",
        suggestion: "Look into the server's log: another try may go well")
    case .silent(let place):
      Diagnosis(
        subject: place, problem: "The connection for replication is gone: no answer came in time",
        suggestion: "Look into the server's log: another try may go well")
    case .refused(let place, let command, _, let text):
      Diagnosis(
        subject: place, problem: "The server refuses \(command): \(text)", suggestion: Self.suggestion(text))
    case .unexpected(let place, let text):
      Diagnosis(
        subject: place, problem: "The server's answer is not understood: \(text)",
        suggestion: "Check that hostname and port are those of a PostgreSQL server, not of a connection pooler")
    }
  }

  /// Whether the same may go well a while later, without anybody's doing: the server starts, or the network is back.
  public var isTransient: Bool {
    switch self {
    case .lost, .silent: true
    case .unreachable(_, let text): !Self.needsHands(text)
    // Classes of SQLSTATE: 57P is an operator's (shutting down, starting up), 53 too few of something, 08 connections, 55006 in use.
    case .refused(_, _, let state, _): ["57P", "53", "08", "55006"].contains { state.begins(with: $0) }
    case .library, .unexpected: false
    }
  }

  /// Whether somebody has to change something before a connection can be had.
  private static func needsHands(_ text: String) -> Bool {
    ([
      "password authentication failed", "no password supplied", "certificate", "does not exist", "does not support SSL",
      "is not permitted to log in", "invalid ",
    ] + causes.map(\.sign)).contains { text.holds($0) } && !transient.contains { text.holds($0) }
  }

  /// What passes by itself, although a text of `causes` is in the message.
  private static let transient = ["No such file or directory", "max_wal_senders", "too many"]

  private static func suggestion(_ text: String) -> String? {
    FailureAdvice.first(of: causes, in: text) ?? PostgreSQLFailure.advice.suggestion([text])
  }

  private static let causes: FailureAdvice.Causes = [
    (
      "no pg_hba.conf entry for replication",
      "Allow it in the server's pg_hba.conf, with the user and the address: "
        + "host replication USER ADDRESS scram-sha-256; then SELECT pg_reload_conf()"
    ),
    ("pg_hba.conf rejects replication", "Allow it in the server's pg_hba.conf: a line before rejects it"),
    (
      "must be superuser or replication role",
      "Give the user the right, as a superuser: ALTER ROLE the user REPLICATION"
    ),
    (
      "permission denied to start WAL sender",
      "Give the user the right, as a superuser: ALTER ROLE the user REPLICATION"
    ),
    (
      "max_wal_senders", "Raise max_wal_senders in postgresql.conf and start the server anew, or end another standby"
    ),
    ("wal_level", "Set wal_level = replica in postgresql.conf, and start the server anew"),
    (
      "all replication slots are in use",
      "Raise max_replication_slots and start the server anew, or drop a slot that nobody needs: "
        + "SELECT slot_name, active FROM pg_catalog.pg_replication_slots"
    ),
  ]
}
