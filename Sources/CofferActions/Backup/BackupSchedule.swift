import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Nothing was done, because everything was done already.
struct NothingDue: Error {}

/// The windows of `schedule`, of which each has one backup.
struct BackupSchedule {
  private let window: BackupWindow
  private let context: ActionContext
  private let filter: ArchiveFilter

  /// - Returns: nil where backups are made whenever somebody asks.
  init?(_ context: ActionContext) throws {
    guard let window = context.root[GeneralOptions.schedule], !context.flags.contains(SharedFlags.force) else {
      return nil
    }
    self.window = window
    self.context = context
    filter = try context.archiveFilter()
  }

  /// Whether the repository lacks the window's backup. Where it does not, that is said.
  ///
  /// - Throws: What reading its archives throws.
  func isDue(_ access: OpenRepository) throws -> Bool {
    guard let archive = try archive(in: access) else { return true }
    context.console.answer(
      "\(access.location.path): Nothing to do: \(window.title) has its archive "
        + "\(Quoting.terminal(archive.name)), of \(Formats.time(archive.startTime)); --force makes another")
    return false
  }

  /// The whole archive of this host and configuration, of the window that is now. Only archives of keys like the one in use count: a
  /// stolen key of another host would keep this one from being backed up.
  private func archive(in access: OpenRepository) throws -> Archive? {
    let current = window.name(of: context.surroundings.clock.now())
    let hostname = context.archiveName.hostname
    return try access.repository.archives().last { archive in
      guard archive.standing == .counts, !archive.isPartial, try filter.sees(archive) else { return false }
      guard archive.draft.hostname.isSame(as: hostname), archive.writeOnlyKey == access.repository.writeOnlyKey
      else { return false }
      // Another one backs up something else.
      guard archive.draft.configuration.isSame(as: context.configuration?.path ?? "") else { return false }
      return window.name(of: archive.startTime).isSame(as: current)
    }
  }
}

extension BackupWindow {
  /// As messages call the one that is now.
  fileprivate var title: String {
    switch self {
    case .hourly: "this hour"
    case .daily: "this day"
    case .weekly: "this week"
    }
  }

  /// What moments of the same window have in common, in local time. When summer time ends, two hours have one name on the clock.
  func name(of date: Date) -> String {
    switch self {
    case .hourly: RetentionPolicy.Period.hourly.name(of: date) + Formats.strftime("%z", date)
    case .daily: RetentionPolicy.Period.daily.name(of: date)
    case .weekly: RetentionPolicy.Period.weekly.name(of: date)
    }
  }
}
