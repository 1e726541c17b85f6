import CofferHooks
import CofferSystem

/// The flags of `restore --cluster`.
enum ClusterRestoreFlags {
  static let cluster = Flag<String?>(
    "--cluster", value: "NAME", .text, standsFor: "--archive",
    help:
      "Lay a whole server down: of PostgreSQL from its base backup and its log, of MariaDB from its physical backup. Its entry of postgresql_clusters or mariadb_servers."
  )
  static let directory = Flag<String?>(
    "--target-directory", value: "FOLDER",
    help: "The data directory to be made: a folder that is empty or not there, or with --delta one of the same server.")
  static let time = Flag<RecoveryTime?>(
    "--to-time", value: "TIME", .recoveryTime, standsFor: "--archive",
    help: "Replay the log up to this moment; like '2026-01-31 14:31:07.5', here, or with a zone behind it: Z, +01.")
  static let position = Flag<LogSequenceNumber?>(
    "--to-lsn", value: "LSN", .position, help: "Replay the log up to this position, like 16/B374D848.")
  static let name = Flag<String?>(
    "--to-name", value: "NAME", .restorePoint, help: "Replay the log up to what pg_create_restore_point called so.")
  static let transaction = Flag<UInt32?>(
    "--to-xid", value: "NUMBER", .transaction, help: "Replay the log up to the commit of this transaction.")
  static let exclusive = Flag<Bool>(
    "--to-exclusive", help: "Stop before what is at the target: recovery_target_inclusive = off.")
  static let timeline = Flag<RecoveryTimeline?>(
    "--timeline", value: "TIMELINE", .timeline,
    help: "The timeline to follow: its number, 'current' for that of the base backup. Default: latest.")
  static let mappings = Flag<[TablespaceMapping]>(
    "--tablespace-mapping", value: "OLD=NEW", each: .tablespaceMapping,
    help: "Lay the tablespace that was at OLD down at NEW; may be repeated. Default: where it was.")
  static let delta = Flag<Bool>(
    "--delta",
    help: "Make the folder of the same server the backup's, by writing only what differs. What is there goes.")
  static let start = Flag<Bool>(
    "--start", help: "Start the server on a socket in its folder, wait until it is at the target, and let it run.")
  static let owner = Flag<String?>(
    "--owner", value: "USER", help: "As root: the server's user, who owns the files. Default: the folder's owner.")
  static let signers = Flag<[String]>(
    "--signer", value: "KEY", help: "A write-only key whose log counts, as 'wal get' has it; may be repeated.")

  /// Those that mean nothing without `--cluster`.
  static let others: [any CommandFlag] = [
    directory, position, name, transaction, exclusive, timeline, mappings, delta, start, owner,
  ]

  /// Those that databases can be restored with, too.
  static let shared: [any CommandFlag] = [time, signers]
}

extension FlagParser<TablespaceMapping> {
  fileprivate static let tablespaceMapping = FlagParser("two absolute paths, OLD=NEW") { TablespaceMapping($0) }
}

extension FlagParser<LogSequenceNumber> {
  fileprivate static let position = FlagParser("a position in the log, like 16/B374D848") { LogSequenceNumber($0) }
}

extension FlagParser<RecoveryTime> {
  fileprivate static let recoveryTime = FlagParser("a time like '2026-01-31 14:31:07'") { RecoveryTime($0) }
}

extension FlagParser<String> {
  /// PostgreSQL's MAXFNAMELEN leaves 63 bytes.
  fileprivate static let restorePoint = FlagParser("a name of 1 to 63 bytes") {
    (1...63).contains($0.utf8.count) ? $0 : nil
  }
}

extension FlagParser<UInt32> {
  /// What `pg_current_xact_id` gives has an epoch in its high half, at which a recovery does not look.
  fileprivate static let transaction = FlagParser("a transaction's number") { text in
    UInt64(text).map { UInt32(truncatingIfNeeded: $0) }
  }
}

extension FlagParser<RecoveryTimeline> {
  fileprivate static let timeline = FlagParser("a number, or 'latest' or 'current'") { text in
    switch text {
    case "latest": .latest
    case "current": .current
    default: UInt32(text).flatMap { $0 > 0 ? .number($0) : nil }
    }
  }
}
