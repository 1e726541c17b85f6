import CofferSystem

/// Which transactions a log has up to a place, as its server names them.
struct ReplayPosition {
  private let isMySQL: Bool
  // One of the two stays empty. They may be large, and are changed where they are.
  private var position = GTIDPosition()
  private var set = MySQLGTIDSet()
  /// Of MariaDB's domains that a backup has transactions of and the log has none, the last one's number.
  private var unseen: [UInt32: UInt64] = [:]

  /// A place of which nothing is known.
  init(of dialect: MariaDBDialect) {
    isMySQL = dialect.isMySQL
  }

  /// - Parameter text: MariaDB's GTID position.
  init(of dialect: MariaDBDialect, at text: String) {
    self.init(of: dialect)
    if !isMySQL { position = GTIDPosition(text) ?? GTIDPosition() }
  }

  /// Takes an event in.
  ///
  /// - Parameter body: Without header and checksum.
  /// - Returns: false where a file begins that does not go on where the log before it ends, or a transaction follows that the backup has.
  mutating func take(_ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer) -> Bool {
    switch event.kind {
    case BinaryLogEvent.Kind.mariadbGTID where !isMySQL:
      position.begin(event, body)
      guard let gtid = BinaryLogGTID(event, body), let last = unseen.removeValue(forKey: gtid.domain) else { break }
      return gtid.sequence > last
    case BinaryLogEvent.Kind.mariadbGTIDList where !isMySQL:
      var before = GTIDPosition()
      before.read(list: body)
      guard position.isKnown, before.isKnown else {
        position = before
        return true
      }
      return position.leads(to: before)
    case BinaryLogEvent.Kind.mysqlGTID where isMySQL: if let gtid = MySQLGTID(body) { set.insert(gtid) }
    case BinaryLogEvent.Kind.mysqlPreviousGTIDs where isMySQL:
      var before = MySQLGTIDSet()
      before.read(list: body)
      defer { set = before }
      return !set.isKnown || !before.isKnown || set == before
    default: break
    }
    return true
  }

  /// Comes to what may be the place of a dump. Files and positions alone are alike on all servers.
  ///
  /// - Parameter isExact: Whether the dump has the log's own position. A physical backup has `gtid_current_pos`, with what a replica got from
  ///   others, and what a server that was restored had before its log began.
  /// - Returns: Whether it can be that, as far as it can be told.
  mutating func arrive(at place: DumpLogPlace, isExact: Bool) -> Bool {
    guard isMySQL else {
      guard position.isKnown, let own = place.gtid.flatMap({ GTIDPosition($0) }) else { return false }
      guard isExact else {
        unseen = own.sequences(missingIn: position)
        return own.leads(to: position)
      }
      return own == position
    }
    // Not every server names its transactions. Which server's log it is, is known otherwise.
    return place.gtid.flatMap { MySQLGTIDSet($0) }.map { !set.isKnown || $0 == set } ?? true
  }

  func includes(_ gtid: TransactionGTID) -> Bool {
    switch gtid {
    case .mariadb(let gtid): position.includes(gtid)
    case .mysql(let gtid): set.contains(gtid)
    }
  }
}
