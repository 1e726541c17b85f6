import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Which of the configured checks are due now.
struct CheckSchedule {
  /// A check as it is configured.
  struct Check: Equatable {
    let name: CheckOptions.Name
    /// Seconds that must have passed since the check was last made; nil for always.
    var interval: Double?
    /// Empty for every day.
    var days: Set<Weekdays.Day> = []
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
      case .extract, .spot, .restore: nil
      }
    }

    func isDue(last: Date?, now: Date) -> Bool { due(last: last, now: now) <= now }

    /// When the check is to be made: now, or the first moment after it.
    func due(last: Date?, now: Date) -> Date {
      var date = now
      // A check that seems to have been made in the future was made before the clock was set right.
      if let interval, let last, last <= now { date = max(now, last.addingTimeInterval(interval)) }
      while !days.isEmpty, !days.contains(where: { $0.rawValue == Formats.weekday(date) }) {
        date = Formats.nextMidnight(date)
      }
      return date
    }
  }

  private static let month = 30 * 86400.0

  let checks: [Check]

  /// Reads `checks`; without it the repository and its archives are checked once a month.
  init(_ root: ConfigurationSection) {
    guard let sections = root[CheckOptions.checks] else {
      checks = [Check(name: .repository, interval: Self.month), Check(name: .archives, interval: Self.month)]
      return
    }
    checks = sections.compactMap { section in
      section[CheckOptions.name].map { name in
        Check(
          name: name, interval: section[CheckOptions.frequency].seconds,
          days: Set(section[CheckOptions.onlyRunOn].flatMap(\.days)),
          maxDuration: section[CheckOptions.maxDuration].flatMap { $0 > 0 ? $0 : nil },
          tolerances: SpotTolerances(section))
      }
    }
  }
}
