import CofferHooks
import CofferSystem

/// What a command line asks `restore` for: a whole MongoDB server as it was at a moment, by its dump and its oplog.
struct OplogRequest {
  enum Target: Equatable {
    /// All entries up to the end of this second, since 1970.
    case second(UInt32)
    /// All up to this moment, itself included.
    case entry(OplogTime)
  }

  static let timestamp = Flag<OplogTime?>(
    "--to-ts", value: "SECONDS:NUMBER", .oplogTime, standsFor: "--archive",
    help: "Bring a whole MongoDB server to this entry of its oplog, itself included, like 1700000000:3.")

  let target: Target
  let signers: [String]
  /// As messages name the target.
  let title: String

  /// - Returns: nil where no entry of an oplog is named.
  /// - Throws: `UsageError`.
  init?(_ context: ActionContext, refusing tableFlags: [any CommandFlag]) throws(UsageError) {
    let flags = context.flags
    guard let timestamp = flags[Self.timestamp] else { return nil }
    guard flags[ClusterRestoreFlags.time] == nil, flags[ReplayRequest.gtid] == nil else {
      throw UsageError(argument: "restore", problem: "Several targets are given", suggestion: "Give one of them")
    }
    if let flag = tableFlags.first(where: flags.contains) {
      throw UsageError(
        argument: flag.name, problem: "Only a whole server can be brought to a moment by its oplog",
        suggestion: "Restore to a spare server (--hostname), and bring the collection over from there")
    }
    target = .entry(timestamp)
    title = timestamp.text
    signers = flags[ClusterRestoreFlags.signers]
  }

  /// The same of a request for a moment that says nothing of the system, by which the chosen dumps are.
  ///
  /// - Returns: nil where they are not MongoDB's.
  /// - Throws: What reading throws.
  init?(_ request: ReplayRequest, in access: OpenRepository, _ context: ActionContext) throws {
    guard case .time(let seconds) = request.target, try Self.isMeant(in: access, context) else { return nil }
    guard let second = UInt32(exactly: seconds), second < .max else {
      throw UsageError(
        argument: ClusterRestoreFlags.time.name, problem: "No oplog has such a time", suggestion: "Choose another one")
    }
    target = .second(second)
    title = request.title
    signers = request.signers
  }

  /// The first moment that is not replayed any more.
  ///
  /// - Returns: nil where there is none behind the target.
  var limit: OplogTime? {
    switch target {
    case .second(let second): OplogTime(seconds: second + 1, increment: 0)
    case .entry(let time): time.next
    }
  }

  private static let hook = MongoDBOptions.databases.name

  private static func isMeant(in access: OpenRepository, _ context: ActionContext) throws -> Bool {
    let selection = SelectionFlags.selection(context)
    if let wanted = selection.hook { return context.run.hooks.hook(named: wanted)?.name.isSame(as: hook) ?? false }
    let search = ArchiveSearch(access: access, reader: try access.repository.reader(), context: context)
    do {
      return try search.find(none: ReplayRouteError.noArchive, leadsToOlder: { _ in false }) { archive, all, _ in
        try selection.select(from: all.filter { !$0.record.isOfServer }, archive: archive.name)
          .allSatisfy { $0.record.hook.isSame(as: hook) }
      }
    } catch is RestoreSelection.Failure {
      return false
    } catch ReplayRouteError.noArchive {
      return false
    }
  }
}

extension FlagParser<OplogTime> {
  fileprivate static let oplogTime = FlagParser("an entry's time like 1700000000:3") { OplogTime($0) }
}
