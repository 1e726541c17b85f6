import CofferHooks
import CofferSystem
import FoundationEssentials
import Glibc

/// How a database's backups stand in one repository.
struct DatabaseStatus: Sendable {
  /// What the configuration and the archives say of it together.
  enum Standing: String, Sendable {
    /// It is configured, and there is a backup.
    case backedUp = "backed_up"
    /// It is configured, and there is none.
    case never
    /// An entry for all databases of its server stands for it, and the newest backup of these is without it: it is there no
    /// more, or is left out.
    case gone
    /// No entry stands for it any more.
    case notConfigured = "not_configured"

    /// Whether it is to have a backup that is new.
    var isExpected: Bool { self == .backedUp || self == .never }
  }

  /// A drill of a dump: when it was, and whether the dump was shown to restore.
  struct Drill: Sendable {
    /// The dump's place below `coffer/` in its archive, which is that of its database.
    let dump: String
    let time: Date
    let isProven: Bool
    /// Seconds that the restore took; nil where that was not measured.
    var seconds: Double?
  }

  let identity: DumpIdentity
  let standing: Standing
  let history: BackupHistory
  let due: DueDate?
  /// When it was last shown to restore.
  let lastProof: Date?
  /// Seconds that its restore took then; nil where that was not measured.
  let restoreSeconds: Double?
  /// Whether a later drill than that failed.
  let hasFailedSince: Bool
  /// Why it is not as new as `backup_within` wants; nil when it is, or nothing is wanted.
  let overdue: String?

  init(
    _ identity: DumpIdentity, _ standing: Standing, _ history: BackupHistory, drills: [Drill], limit: Double?, now: Date
  ) {
    self.identity = identity
    self.standing = standing
    self.history = history
    due = standing.isExpected ? DueDate(after: history, limit: limit) : nil
    let own = drills.filter { $0.dump.isSame(as: identity.path) }
    let last = own.filter(\.isProven).max { $0.time < $1.time }
    let lastProof = last?.time
    self.lastProof = lastProof
    restoreSeconds = last?.seconds
    hasFailedSince = own.contains { drill in !drill.isProven && lastProof.map { drill.time > $0 } ?? true }
    overdue = standing.isExpected ? BackupAge(of: history, at: now).problem(limit: limit) : nil
  }
}

/// How old the last of some backups is.
struct BackupAge: Equatable {
  /// Seconds; nil when there is none, or it claims to be of the future.
  let seconds: Double?
  private let isOfTheFuture: Bool

  init(of history: BackupHistory, at now: Date) {
    let last = history.last?.time
    isOfTheFuture = last.map { RetentionPolicy.isFuture($0, now: now) } ?? false
    seconds = isOfTheFuture ? nil : last.map { max(now.timeIntervalSince($0), 0) }
  }

  /// What is wrong with it.
  ///
  /// - Parameter limit: Seconds that it may be old; nil for any.
  func problem(limit: Double?) -> String? {
    guard let limit else { return nil }
    guard let seconds else {
      return isOfTheFuture
        ? "The time of its last backup lies in the future, so its age is not known: a clock was wrong"
        : "There is no backup of it"
    }
    return seconds > limit
      ? "Its last good backup is \(Formats.duration(seconds)) old, more than \(Formats.duration(limit))" : nil
  }
}
