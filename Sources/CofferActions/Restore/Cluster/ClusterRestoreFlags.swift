import CofferHooks
import CofferSystem

/// The flags of `restore --cluster`.
enum ClusterRestoreFlags {
  static let cluster = Flag<String?>(
    "--cluster", value: "NAME", .text, standsFor: "--archive",
    help: "Lay a whole PostgreSQL server down from its base backup and its log: its entry of postgresql_clusters.")
  static let directory = Flag<String?>(
    "--target-directory", value: "FOLDER",
    help: "The data directory to be made: a folder that is empty or not there, or with --delta one of the same server.")
  static let time = Flag<RecoveryTime?>(
    "--to-time", value: "TIME", .recoveryTime,
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
    directory, time, position, name, transaction, exclusive, timeline, mappings, delta, start, owner, signers,
  ]
}

/// Where a tablespace was, and where it goes.
struct TablespaceMapping: Sendable, Equatable {
  let old: String
  let new: String

  /// - Parameter text: `OLD=NEW`, with a backslash before a `=` of theirs, as pg_basebackup has it.
  /// - Returns: nil unless both are absolute paths.
  init?(_ text: String) {
    var parts: [[UInt8]] = [[]]
    var isEscaped = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "="), !isEscaped {
        parts.append([])
      } else {
        if byte == UInt8(ascii: "="), isEscaped { parts[parts.count - 1].removeLast() }
        parts[parts.count - 1].append(byte)
      }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    }
    guard parts.count == 2, parts.allSatisfy({ $0.first == UInt8(ascii: "/") && $0.count > 1 }) else { return nil }
    old = String(decoding: parts[0], as: UTF8.self)
    new = String(decoding: parts[1], as: UTF8.self).trimmedOfSlashes
  }
}

extension String {
  /// A path without `/` at its end.
  var trimmedOfSlashes: String {
    let end = utf8.lastIndex { $0 != UInt8(ascii: "/") }
    return end.map { String(decoding: utf8[...$0], as: UTF8.self) } ?? "/"
  }
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

extension RecoveryTime {
  /// - Parameter text: `2026-01-31 14:31`, with seconds and up to six digits of their fraction where they count; of this machine's
  ///   time zone, or with `Z`, `+01` or `+01:30` behind it.
  init?(_ text: String) {
    var bytes = Array(text.utf8)
    var offset: Int64?
    if let last = bytes.last, last == UInt8(ascii: "Z") || last == UInt8(ascii: "z") {
      bytes.removeLast()
      offset = 0
    } else if let sign = bytes.lastIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
      sign >= Self.shortest
    {
      guard let east = Self.offset(bytes[(sign + 1)...]) else { return nil }
      offset = bytes[sign] == UInt8(ascii: "-") ? -east : east
      bytes.removeSubrange(sign...)
    }
    while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
    var fraction: Int64 = 0
    if bytes.count > Self.whole {
      let digits = bytes[(Self.whole + 1)...]
      guard bytes[Self.whole] == UInt8(ascii: "."), let number = Self.number(digits), digits.count <= 6 else {
        return nil
      }
      fraction = number
      for _ in digits.count..<6 { fraction *= 10 }
      bytes.removeSubrange(Self.whole...)
    }
    guard bytes.count >= Self.shortest,
      let moment = Moment(String(decoding: bytes, as: UTF8.self) + (offset == nil ? "" : "Z"))
    else { return nil }
    let seconds = Int64(moment.date.timeIntervalSince1970.rounded(.down)) - (offset ?? 0)
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }

  /// Bytes of a time with minutes, and of one with seconds.
  private static let (shortest, whole) = (16, 19)

  /// Seconds of `01`, `0130` or `01:30`.
  private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
    let digits = bytes.filter { $0 != UInt8(ascii: ":") }
    guard [2, 4].contains(digits.count), let hours = number(digits.prefix(2)), hours < 16 else { return nil }
    guard digits.count == 4 else { return hours * 3600 }
    return number(digits.suffix(2)).flatMap { $0 < 60 ? hours * 3600 + $0 * 60 : nil }
  }

  private static func number(_ digits: some Sequence<UInt8>) -> Int64? {
    let text = String(decoding: Array(digits), as: UTF8.self)
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }
}
