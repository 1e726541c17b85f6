import CofferHooks
import CofferSystem

/// What a command line asks `restore` for besides dumps: to which moment databases or a server are brought by the server's binary log.
struct ReplayRequest {
  static let gtid = Flag<TransactionGTID?>(
    "--to-gtid", value: "GTID", .gtid, standsFor: "--archive",
    help:
      "Bring databases of MariaDB or MySQL, or a whole server of MariaDB, to the end of this transaction by the binary log, like 0-1-4711."
  )

  let target: ReplayTarget
  let signers: [String]
  /// As messages name the target.
  let title: String

  /// - Parameter tableFlags: What goes with whole databases only by itself.
  /// - Returns: nil where backups alone are restored.
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
      guard time.microseconds.isMultiple(of: 1_000_000) else {
        throw UsageError(
          argument: ClusterRestoreFlags.time.name, problem: "The binary log has whole seconds",
          suggestion: "Give the second of which everything is wanted, or a transaction with \(Self.gtid.name)")
      }
      target = .time(time.microseconds / 1_000_000)
      title = time.settingText
    } else if let gtid {
      target = .gtid(gtid)
      title = "transaction \(gtid.text)"
    } else {
      guard signers.isEmpty else {
        throw UsageError(
          argument: ClusterRestoreFlags.signers.name, problem: "No log is read",
          suggestion: "Name a moment with \(ClusterRestoreFlags.time.name), or a whole PostgreSQL server with --cluster"
        )
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

extension FlagParser<TransactionGTID> {
  fileprivate static let gtid = FlagParser("a GTID like 0-1-4711, or of MySQL 3e11fa47-71ca-11e1-9e33-c80aa9429562:23")
  {
    TransactionGTID($0)
  }
}
