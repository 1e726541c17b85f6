import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// Which of the configured checks are due now.
struct CheckSchedule {
  /// A check as it is configured.
  struct Check: Equatable {
    let name: CheckOptions.Name
    /// Seconds that must have passed since the check was last made; nil for always.
    var interval: Double?
    /// Three-letter names of the days, in English, small; empty for every day.
    var days: Set<String> = []
    /// Seconds after which it stops; nil for none.
    var maxDuration: Int?
    /// Of `spot`.
    var tolerances: SpotTolerances?

    /// How deeply the check looks at the repository; nil for those that look at something else.
    var level: CheckLevel? {
      switch name {
      case .repository: .tables
      case .archives: .recipes
      case .data: .content
      case .extract, .spot: nil
      }
    }

    func isDue(last: Date?, now: Date) -> Bool { due(last: last, now: now) <= now }

    /// When the check is to be made: now, or the first moment after it.
    func due(last: Date?, now: Date) -> Date {
      var date = now
      // A check that seems to have been made in the future was made before the clock was set right.
      if let interval, let last, last <= now { date = max(now, last.addingTimeInterval(interval)) }
      let calendar = Calendar(identifier: .gregorian)
      while !days.isEmpty, !days.contains(CheckSchedule.days[calendar.component(.weekday, from: date) - 1]) {
        guard let next = calendar.date(byAdding: .day, value: 1, to: calendar.startOfDay(for: date)) else { break }
        date = next
      }
      return date
    }
  }

  fileprivate static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
  private static let month = 30 * 86400.0

  let checks: [Check]

  /// Reads `checks`; without it the repository and its archives are checked once a month.
  init(_ root: ConfigurationSection) {
    guard let sections = root[CheckOptions.checks] else {
      checks = [Check(name: .repository, interval: Self.month), Check(name: .archives, interval: Self.month)]
      return
    }
    var checks: [Check] = []
    for section in sections {
      guard let name = section[CheckOptions.name] else { continue }
      var check = Check(name: name, interval: Self.interval(section[CheckOptions.frequency]))
      check.maxDuration = section[CheckOptions.maxDuration].flatMap { $0 > 0 ? $0 : nil }
      check.tolerances = SpotTolerances(section)
      for day in section[CheckOptions.onlyRunOn] { check.days.formUnion(Self.days(day)) }
      checks.append(check)
    }
    self.checks = checks
  }

  /// A check that names no frequency is made whenever it is asked for, as borgmatic makes it.
  private static func interval(_ text: String) -> Double? {
    LengthOfTime.seconds(ofFrequency: text)
  }

  private static func days(_ text: String) -> Set<String> {
    switch text.lowercased() {
    case "weekday": Set(days[1...5])
    case "weekend": [days[0], days[6]]
    case let day: [String(day.prefix(3))]
    }
  }
}
