import CofferRepository
import CofferStorage
import CofferSystem

extension ActionContext {
  /// The archive that the command line names; nil for none, and for the latest.
  var namedArchive: String? {
    let name = flags[SharedFlags.archive]
    return name.isEmpty || name.isSame(as: "latest") ? nil : name
  }
}

extension OpenRepository {
  /// The archives in which what a log leads on from is looked for: the one that is named, or all that are meant, the newest first; those
  /// that may come to count for nothing behind all others.
  ///
  /// - Throws: As `archive`.
  func archives(toLeadOnFrom context: ActionContext) throws -> [Archive] {
    let filter = try context.archiveFilter()
    if let named = context.namedArchive { return [try archive(named, filter)] }
    let seen = try repository.archives().reversed().filter(filter.sees)
    return seen.filter { $0.standing == .counts } + seen.filter { $0.standing == .undecided }
  }
}

extension Archive {
  /// Whether an error says something of what was read, and not of the place that it is in.
  static func isConcerned(by error: any Error) -> Bool {
    guard let error = error as? StorageError else { return !(error is RunCancelled) }
    return error.kind != .transient && error.kind != .cancelled
  }
}
