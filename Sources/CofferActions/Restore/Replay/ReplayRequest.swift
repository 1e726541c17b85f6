import CofferHooks
import CofferSystem

/// What a command line asks `restore` for besides dumps: to which moment databases are brought by the log of their server.
struct ReplayRequest {
  static let gtid = Flag<BinaryLogGTID?>(
    "--to-gtid", value: "GTID", .gtid, standsFor: "--archive",
    help: "Bring databases of MariaDB to the end of this transaction by their server's binary log, like 0-1-4711.")

  let target: ReplayTarget
  let signers: [String]
  /// As messages name the target.
  let title: String

  /// - Returns: nil where dumps alone are restored.
  /// - Throws: `UsageError`.
  init?(_ context: ActionContext, refusing tableFlags: [any CommandFlag]) throws(UsageError) {
    let flags = context.flags
    let time = flags[ClusterRestoreFlags.time]
    let gtid = flags[Self.gtid]
    signers = flags[ClusterRestoreFlags.signers]
    guard time == nil || gtid == nil else {
      throw UsageError(argument: "restore", problem: "Several targets are given", suggestion: "Give one of them")
    }
    if let time {
      // The log has whole seconds.
      target = .time(Int64((Double(time.microseconds) / 1_000_000).rounded(.down)))
      title = time.settingText
    } else if let gtid {
      target = .gtid(gtid)
      title = "transaction \(gtid.text)"
    } else {
      guard signers.isEmpty else {
        throw UsageError(
          argument: ClusterRestoreFlags.signers.name, problem: "No log is read",
          suggestion: "Name a moment with \(ClusterRestoreFlags.time.name), or a whole server with --cluster")
      }
      return nil
    }
    if let flag = tableFlags.first(where: flags.contains) {
      throw UsageError(
        argument: flag.name, problem: "Only whole databases can be brought to a moment",
        suggestion: "Restore the database under another name (--target-name), and bring the table over from there")
    }
  }
}

extension FlagParser<BinaryLogGTID> {
  fileprivate static let gtid = FlagParser("a GTID like 0-1-4711") { BinaryLogGTID($0) }
}
