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
    /// Empty for every day.
    var days: Set<Weekdays.Day> = []

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
      while !days.isEmpty, !days.contains(where: { $0.rawValue == calendar.component(.weekday, from: date) }) {
        guard let next = calendar.date(byAdding: .day, value: 1, to: calendar.startOfDay(for: date)) else { break }
        date = next
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
          days: Set(section[CheckOptions.onlyRunOn].flatMap(\.days)))
      }
    }
  }
}

/// Remembers when checks were last made: empty files whose times say it, one a repository and check.
///
/// The folder may be in a place that another user owns: files are made anew and take their name when they have their
/// time, and no link is followed.
struct CheckMemory {
  private let base: String
  private let repository: EntryName

  init(_ context: ActionContext, repository id: String) {
    let environment = context.surroundings.environment
    let state = context.root[RunOptions.stateDirectory] ?? environment[.state]
    base = UserPath.absolute("\(state)/coffer/checks", from: context.folder, home: environment.home)
    repository = EntryName(id)
  }

  func last(_ name: CheckOptions.Name) -> Date? {
    guard let folder = try? Folder.trusted(base, .links).folder(repository),
      let facts = try? folder.status(of: EntryName(name.rawValue)), facts.st_mode & S_IFMT == S_IFREG
    else { return nil }
    return Date(timeIntervalSince1970: Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9)
  }

  /// - Throws: `UntrustedPlace`; `SystemError`. A check that is not remembered is made again, no more.
  func note(_ name: CheckOptions.Name, at date: Date) throws {
    let folder = try Folder.trusted(base, .links, makingWith: 0o700).folder(repository, makingWith: 0o700)
    let file = EntryName(name.rawValue)
    try folder.replace(file) { descriptor in
      let seconds = date.timeIntervalSince1970.rounded(.down)
      let time = timespec(tv_sec: Int(seconds), tv_nsec: Int((date.timeIntervalSince1970 - seconds) * 1e9))
      guard futimens(descriptor.number, [time, time]) == 0 else {
        throw SystemError(call: "utimens", subject: folder.path(of: file))
      }
    }
  }
}
