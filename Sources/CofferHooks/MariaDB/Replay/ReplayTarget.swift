import CofferSystem

/// Up to where a binary log is replayed: transactions are taken as a whole, in the log's order.
public enum ReplayTarget: Sendable, Equatable {
  /// Before the first transaction that was committed later than this, in seconds since 1970 by the server's clock.
  case time(Int64)
  /// Up to the transaction of this GTID, which is the last.
  case gtid(TransactionGTID)
}

/// What a server calls a transaction in its log.
public enum TransactionGTID: Sendable, Hashable {
  case mariadb(BinaryLogGTID)
  case mysql(MySQLGTID)

  /// - Parameter text: `0-1-100` of MariaDB, `3e11fa47-71ca-11e1-9e33-c80aa9429562:23` of MySQL.
  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    if let gtid = BinaryLogGTID(text) {
      self = .mariadb(gtid)
    } else if let gtid = MySQLGTID(text) {
      self = .mysql(gtid)
    } else {
      return nil
    }
  }

  public var text: String {
    switch self {
    case .mariadb(let gtid): gtid.text
    case .mysql(let gtid): gtid.text
    }
  }
}

/// A transaction at whose end a replay can stop.
public struct ReplayedTransaction: Sendable, Equatable {
  /// nil for one of MySQL that has none.
  public let gtid: TransactionGTID?
  /// When it was committed, in seconds since 1970 by the server's clock.
  public let time: Int64
  /// The file, and where it ends in it.
  public let file: String
  public let end: UInt64

  public static func == (left: ReplayedTransaction, right: ReplayedTransaction) -> Bool {
    left.gtid == right.gtid && left.time == right.time && left.file == right.file && left.end == right.end
  }
}

/// What a replay is given of a server's log: events of one of its files, one behind the other.
public struct ReplayPiece: Sendable {
  /// The file's name, without a folder.
  public let file: String
  /// Where in the file the first event begins, and the last ends.
  public let range: Range<UInt64>
  /// The file's format description event.
  public let format: [UInt8]
  /// Whole events, each with its header, and its checksum where the file has such.
  public let events: [UInt8]

  public init(file: String, range: Range<UInt64>, format: [UInt8], events: [UInt8]) {
    self.file = file
    self.range = range
    self.format = format
    self.events = events
  }
}

/// Why a log cannot be replayed.
public enum ReplayFault: Error, Equatable {
  /// An event is not what a server writes.
  case unreadable(file: String, position: UInt64)
  /// The file does not go on where the log before it ends.
  case missing(before: String)
  /// A server has written that changes of its were lost here.
  case incident(file: String, position: UInt64)
  /// No transaction ends where a dump says that it was made, or its number is not the one that follows.
  case notThere(DumpLogPlace)
  /// The dump has transactions that were committed behind the target.
  case targetBefore(DumpLogPlace)
}
