import CofferHooks
import CofferSystem
import FoundationEssentials
import Glibc

/// A good backup, of a database or of a whole run.
struct BackupPoint: Sendable, Equatable {
  let archive: String
  let archiveID: String
  /// When what it holds was so.
  let time: Date
  /// Of what was backed up, not of what that takes in the repository.
  let bytes: UInt64
}

/// Good backups of the same, oldest first.
struct BackupHistory: Sendable, Equatable {
  private(set) var points: [BackupPoint] = []

  init(_ points: [BackupPoint] = []) {
    self.points = points.sorted { $0.time < $1.time }
  }

  var last: BackupPoint? { points.last }

  /// Bytes that the last backup has more than the one before it; nil where there is none before it.
  var growth: Int? {
    guard points.count > 1 else { return nil }
    return Self.difference(points[points.count - 2], points[points.count - 1])
  }

  /// Bytes a day, from the oldest backup to the newest; nil where they are not even an hour apart.
  var growthPerDay: Double? {
    guard let first = points.first, let last = points.last else { return nil }
    let seconds = last.time.timeIntervalSince(first.time)
    return seconds < 3600 ? nil : Double(Self.difference(first, last)) / seconds * 86400
  }

  private static func difference(_ old: BackupPoint, _ new: BackupPoint) -> Int {
    Int(clamping: new.bytes) - Int(clamping: old.bytes)
  }

  /// The usual distance of two backups in seconds: the middle one of those between the backups that are known; nil when
  /// there are not three of them. A run that was made by hand in between, or one that failed, does not change it.
  var usualDistance: Double? {
    guard points.count > 2 else { return nil }
    let distances = zip(points, points.dropFirst()).map { $1.time.timeIntervalSince($0.time) }.sorted()
    return distances[distances.count / 2]
  }
}

/// When the next backup is due, and how that is known.
struct DueDate: Sendable, Equatable {
  enum Source: String, Sendable {
    /// The option says how old the last one may be.
    case option = "backup_within"
    /// Past backups lay so far apart.
    case pastBackups = "past_backups"

    var words: String { self == .option ? rawValue : "as usual" }
  }

  let time: Date
  let source: Source

  /// - Parameter limit: Seconds that a backup may be old; nil where nothing says.
  /// - Returns: nil when there is no backup yet, or too few to tell.
  init?(after history: BackupHistory, limit: Double?) {
    guard let last = history.last else { return nil }
    if let limit {
      time = last.time.addingTimeInterval(limit)
      source = .option
    } else if let distance = history.usualDistance {
      time = last.time.addingTimeInterval(distance)
      source = .pastBackups
    } else {
      return nil
    }
  }
}
