import CofferConfiguration
import CofferSystem
import Foundation

/// Which archives are worth keeping, by their age.
///
/// The rules are those of `borg prune`: each keeps the newest archive of so many periods, from short periods to long
/// ones; an archive that one rule keeps does not count for the next; and a rule that finds fewer periods than it may
/// keeps the oldest archive. A number below zero is no limit. An archive that claims to be
/// of the future is kept and does not count, because it would push others out until its time has come. Unlike there, a partial archive stands for a period only when no whole one does.
struct RetentionPolicy: Sendable, Equatable {
  enum Period: String, CaseIterable, Sendable {
    case secondly, minutely, hourly, daily, weekly, monthly, quarterlyByWeeks, quarterlyByMonths, yearly

    /// What archives of the same period have in common, in local time.
    func name(of date: Date) -> String {
      switch self {
      case .secondly: Formats.strftime("%Y-%m-%d %H:%M:%S", date)
      case .minutely: Formats.strftime("%Y-%m-%d %H:%M", date)
      case .hourly: Formats.strftime("%Y-%m-%d %H", date)
      case .daily: Formats.strftime("%Y-%m-%d", date)
      case .weekly: Formats.strftime("%G-%V", date)
      case .monthly: Formats.strftime("%Y-%m", date)
      case .quarterlyByWeeks: quarter(date, year: "%G", part: "%V", of: 13, last: 4)
      case .quarterlyByMonths: quarter(date, year: "%Y", part: "%m", of: 3, last: 4)
      case .yearly: Formats.strftime("%Y", date)
      }
    }

    /// A year's 53rd week belongs to its last quarter.
    private func quarter(_ date: Date, year: String, part: String, of size: Int, last: Int) -> String {
      let number = Int(Formats.strftime(part, date)) ?? 1
      return Formats.strftime(year, date) + "-\(min((number - 1) / size + 1, last))"
    }
  }

  /// An archive as the rules see it.
  struct Candidate: Sendable, Equatable {
    let id: String
    let date: Date
    let isPartial: Bool
  }

  /// Seconds: every archive that is younger is kept.
  var within: Double?
  /// How many periods of each kind have an archive kept; below zero for all.
  var counts: [Period: Int] = [:]

  var isEmpty: Bool { within == nil && counts.values.allSatisfy { $0 == 0 } }

  /// How far the clocks of machines that share a repository may be apart, in seconds.
  private static let skew = 3600.0

  /// Whether a date is so far ahead that a clock must have been wrong.
  static func isFuture(_ date: Date, now: Date) -> Bool { date.timeIntervalSince(now) > skew }

  /// Returns why each archive is kept; archives without a reason are not.
  func reasons(for archives: [Candidate], now: Date) -> [String: String] {
    var reasons: [String: String] = [:]
    for archive in archives where Self.isFuture(archive.date, now: now) { reasons[archive.id] = "of the future" }
    let archives = archives.filter { !Self.isFuture($0.date, now: now) }.sorted { $0.date > $1.date }
    if let within {
      for archive in archives where now.timeIntervalSince(archive.date) < within { reasons[archive.id] = "within" }
    }
    for period in Period.allCases {
      guard let count = counts[period], count != 0 else { continue }
      keep(count, period, archives, &reasons)
    }
    return reasons
  }

  private func keep(
    _ count: Int, _ period: Period, _ archives: [Candidate], _ reasons: inout [String: String]
  ) {
    var kept = 0
    func keep(_ archive: Candidate, _ note: String = "") {
      guard reasons[archive.id] == nil, count < 0 || kept < count else { return }
      kept += 1
      reasons[archive.id] = "\(period.rawValue)\(note) #\(kept)"
    }
    for group in Self.groups(archives, period) { keep(group.first { !$0.isPartial } ?? group[0]) }
    // Without a limit there is nothing to fill up.
    if count > 0, let oldest = archives.last { keep(oldest, " (oldest)") }
  }

  /// Archives of the same period together, newest first.
  private static func groups(_ archives: [Candidate], _ period: Period) -> [[Candidate]] {
    var groups: [(name: String, members: [Candidate])] = []
    for archive in archives {
      let name = period.name(of: archive.date)
      if groups.last?.name == name {
        groups[groups.count - 1].members.append(archive)
      } else {
        groups.append((name, [archive]))
      }
    }
    return groups.map(\.members)
  }
}

extension RetentionPolicy {
  private static let keys: [Period: OptionKey<Int?>] = [
    .secondly: RetentionOptions.secondly, .minutely: RetentionOptions.minutely, .hourly: RetentionOptions.hourly,
    .daily: RetentionOptions.daily, .weekly: RetentionOptions.weekly, .monthly: RetentionOptions.monthly,
    .quarterlyByWeeks: RetentionOptions.quarterlyByWeeks, .quarterlyByMonths: RetentionOptions.quarterlyByMonths,
    .yearly: RetentionOptions.yearly,
  ]

  /// Reads the `keep_` options.
  init(_ root: ConfigurationSection) {
    for (period, key) in Self.keys { counts[period] = root[key] }
    within = root[RetentionOptions.within]?.seconds
  }
}
