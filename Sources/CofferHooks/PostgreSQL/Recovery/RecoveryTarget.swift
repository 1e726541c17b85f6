import CofferSystem
import FoundationEssentials

/// Up to where a server's log is replayed.
public enum RecoveryTarget: Sendable, Equatable {
  /// All that there is.
  case end
  case time(RecoveryTime)
  case position(LogSequenceNumber)
  /// What `pg_create_restore_point` was given.
  case name(String)
  case transaction(UInt32)
}

/// A moment as PostgreSQL's `recovery_target_time` has it, to the microsecond.
public struct RecoveryTime: Sendable, Equatable {
  /// Since 1970 UTC.
  public let microseconds: Int64

  public init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  public var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }
}

/// Which timeline a recovery ends on.
public enum RecoveryTimeline: Sendable, Equatable {
  case latest
  /// That of the base backup.
  case current
  case number(UInt32)

  /// As `recovery_target_timeline` has it.
  public var text: String {
    switch self {
    case .latest: "latest"
    case .current: "current"
    case .number(let number): String(number)
    }
  }
}
