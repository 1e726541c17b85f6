import CofferSystem
import FoundationEssentials

/// How far a server lags behind the one that it is a replica of.
enum ReplicaLag: Equatable {
  /// It is no replica.
  case none
  case seconds(Double)
  /// Nobody knows; with why.
  case unknown(String)

  /// - Parameter limit: Seconds that are borne.
  /// - Returns: What is kept with the dump: seconds; nil where the server is no replica.
  /// - Throws: `DumpError.lagging`.
  func judged(by limit: Int, of identity: DumpIdentity) throws(DumpError) -> String? {
    switch self {
    case .none: return nil
    case .seconds(let seconds) where seconds <= Double(limit): return String(printf: "%.1f", seconds)
    case .seconds(let seconds):
      throw .lagging(
        identity,
        problem: String(printf: "Not dumped: the replica lags %.0f seconds behind, and max_replica_lag is ", seconds)
          + "\(limit)",
        suggestion: "Let it catch up (dump_retries and dump_retry_wait try again), or back up from another server")
    case .unknown(let reason):
      throw .lagging(
        identity,
        problem:
          "Not dumped: how far the replica lags behind, which max_replica_lag limits, is not known: \(reason)",
        suggestion: "Look at the replication on that server, or back up from another one")
    }
  }
}

extension DumpFacts {
  /// What the application said of its own version, as its `version_query` has it.
  public static let applicationVersionKey = "application_version"
  /// Seconds by which the replica that was dumped lagged behind; missing for what was no replica, and where nobody asked.
  public static let replicaLagKey = "replica_lag"

  var applicationVersion: String? { details[Self.applicationVersionKey] }
}

/// What a query says of an application's version.
enum ApplicationVersion {
  /// Bytes that are kept of it.
  private static let limit = 256

  /// - Parameter answer: The first field of the first row; nil without any.
  /// - Returns: What is kept; nil for nothing.
  static func kept(_ answer: String?) -> String? {
    guard let text = answer?.trimmed, !text.isEmpty else { return nil }
    return text.utf8.count <= limit ? text : String(decoding: text.utf8.prefix(limit), as: UTF8.self) + "..."
  }

  /// What is said where there is none.
  static func warning(_ reason: String) -> String {
    "The application's version is not kept with the dump: version_query \(reason)"
  }
}
