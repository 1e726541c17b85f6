import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// Which archives are worth keeping, by their age.
///
/// The rules are those of `borg prune`: each keeps the newest archive of so many periods, from short periods to long
/// ones; an archive that one rule keeps does not count for the next; and a rule that finds fewer periods than it may
/// keeps the oldest archive. A number below zero is no limit. An archive that claims to be of the future is kept and does
/// not count, because it would push others out until its time has come.
///
/// Unlike there, a partial archive takes no whole one's place: it stands for a period only when no whole one does, and what
/// a rule may keep is counted by whole archives, partial ones being as many again at most. And where the rules keep none of
/// the archives that count, the newest stays: `keep_within` alone would take the last one when backups have failed for longer,
/// or when a clock is ahead.
struct RetentionPolicy: Sendable, Equatable {
  enum Period: String, CaseIterable, Sendable {
    case secondly, minutely, hourly, daily, weekly, monthly
    case quarterlyByWeeks = "13weekly"
    case quarterlyByMonths = "3monthly"
    case yearly

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

  /// Why an archive is kept.
  struct Reason: Sendable, Equatable, CustomStringConvertible {
    /// The rule's name as the options have it, without `keep_`; `future` for archives of the future, `pinned` for those that
    /// somebody has pinned, `newest` for the one that stays where rules keep none, `unlimited` where there are no rules.
    let rule: String
    /// Which of those that the rule keeps it is, from 1; nil for rules that do not count.
    var number: Int?
    var note = ""

    static let future = Reason(rule: "future")
    static let pinned = Reason(rule: "pinned")
    static func until(_ date: Date) -> Reason {
      Reason(rule: "until", note: Formats.strftime("%Y-%m-%d %H:%M", date))
    }
    static let newest = Reason(rule: "newest", note: "no rule keeps any")
    static let unlimited = Reason(rule: "unlimited")

    var description: String {
      if self == .future { return "of the future" }
      if self == .unlimited { return "no keep_ option is set" }
      return rule + (note.isEmpty ? "" : " (\(note))") + (number.map { " #\($0)" } ?? "")
    }
  }

  /// An archive as the rules see it.
  struct Candidate: Sendable, Equatable {
    let id: String
    let date: Date
    let isPartial: Bool
    var isPinned = false
    /// Until when it is kept in any case.
    var keepUntil: Date?
    /// Empty for none.
    var label = ""
  }

  /// Seconds: every archive that is younger is kept.
  var within: Double?
  /// Seconds: every archive with a label that is younger is kept.
  var labelled: Double?
  /// How many of the newest are kept; below zero for all.
  var last: Int?
  /// How many periods of each kind have an archive kept; below zero for all.
  var counts: [Period: Int] = [:]

  var isEmpty: Bool { within == nil && (last == nil || last == 0) && counts.values.allSatisfy { $0 == 0 } }

  /// How far the clocks of machines that share a repository may be apart, in seconds.
  private static let skew = 3600.0

  /// Whether a date is so far ahead that a clock must have been wrong.
  static func isFuture(_ date: Date, now: Date) -> Bool { date.timeIntervalSince(now) > skew }

  /// Returns why each archive is kept; archives without a reason are not.
  ///
  /// - Parameter archives: Of those of one date, which stores give by whole seconds, the last is the newest.
  func reasons(for archives: [Candidate], now: Date) -> [String: Reason] {
    var reasons: [String: Reason] = [:]
    for archive in archives where Self.isFuture(archive.date, now: now) { reasons[archive.id] = .future }
    // What is kept for a purpose takes no place of what is kept by its age.
    for archive in archives where reasons[archive.id] == nil {
      if archive.isPinned {
        reasons[archive.id] = .pinned
      } else if let date = archive.keepUntil, date > now {
        reasons[archive.id] = .until(date)
      } else if let labelled, !archive.label.isEmpty, now.timeIntervalSince(archive.date) < labelled {
        reasons[archive.id] = Reason(rule: "labelled", note: archive.label)
      }
    }
    let archives = archives.filter { reasons[$0.id] == nil }.enumerated()
      .sorted { ($0.element.date, $0.offset) > ($1.element.date, $1.offset) }.map(\.element)
    if let within {
      for archive in archives where now.timeIntervalSince(archive.date) < within {
        reasons[archive.id] = Reason(rule: "within")
      }
    }
    if let last, last != 0 { keepLast(last, archives, &reasons) }
    for period in Period.allCases {
      guard let count = counts[period], count != 0 else { continue }
      keep(count, period, archives, &reasons)
    }
    if archives.allSatisfy({ reasons[$0.id] == nil }),
      let newest = archives.first(where: { !$0.isPartial }) ?? archives.first
    {
      reasons[newest.id] = .newest
    }
    return reasons
  }

  /// The newest whole archives that are not kept yet, and as many partial ones that are newer than all whole ones: nothing
  /// else has what they hold.
  private func keepLast(_ count: Int, _ archives: [Candidate], _ reasons: inout [String: Reason]) {
    let limit = count < 0 ? Int.max : count
    let newestWhole = archives.firstIndex { !$0.isPartial } ?? archives.endIndex
    let free = archives.filter { reasons[$0.id] == nil }
    let partial = (count < 0 ? archives[...] : archives[..<newestWhole]).filter {
      $0.isPartial && reasons[$0.id] == nil
    }
    for (kept, note) in [(free.filter { !$0.isPartial }, ""), (partial, "partial")] {
      for (number, archive) in kept.prefix(limit).enumerated() {
        reasons[archive.id] = Reason(rule: "last", number: number + 1, note: note)
      }
    }
  }

  private func keep(
    _ count: Int, _ period: Period, _ archives: [Candidate], _ reasons: inout [String: Reason]
  ) {
    let limit = count < 0 ? Int.max : count
    var kept = 0
    var keptPartial = 0
    for group in Self.groups(archives, period) where kept < limit {
      guard let archive = group.first(where: { !$0.isPartial }) else {
        guard keptPartial < limit, reasons[group[0].id] == nil else { continue }
        keptPartial += 1
        reasons[group[0].id] = Reason(rule: period.rawValue, number: keptPartial, note: "partial")
        continue
      }
      guard reasons[archive.id] == nil else { continue }
      kept += 1
      reasons[archive.id] = Reason(rule: period.rawValue, number: kept)
    }
    // Without a limit there is nothing to fill up. Where all are partial, they fill up each other's places.
    guard count > 0, kept < count,
      let oldest = archives.last(where: { !$0.isPartial }) ?? (keptPartial < count ? archives.last : nil),
      reasons[oldest.id] == nil
    else { return }
    reasons[oldest.id] = Reason(rule: period.rawValue, number: kept + 1, note: "oldest")
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
    last = root[RetentionOptions.last]
    within = root[RetentionOptions.within]?.seconds
    labelled = root[RetentionOptions.labelled]?.seconds
  }
}
