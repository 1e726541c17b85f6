import CofferSystem

/// Which transactions a log has up to a place, as its server names them.
enum ReplayPosition {
  case mariadb(GTIDPosition)
  case mysql(MySQLGTIDSet)

  /// A place of which nothing is known.
  init(of dialect: MariaDBDialect) {
    self = dialect.isMySQL ? .mysql(MySQLGTIDSet()) : .mariadb(GTIDPosition())
  }

  /// - Parameter text: MariaDB's GTID position.
  init(of dialect: MariaDBDialect, at text: String) {
    self = dialect.isMySQL ? .mysql(MySQLGTIDSet()) : .mariadb(GTIDPosition(text) ?? GTIDPosition())
  }

  /// Takes an event in.
  ///
  /// - Parameter body: Without header and checksum.
  /// - Returns: false where a file begins that does not go on where the log before it ends.
  mutating func take(_ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer) -> Bool {
    switch (self, event.kind) {
    case (.mariadb(var position), BinaryLogEvent.Kind.mariadbGTID):
      position.begin(event, body)
      self = .mariadb(position)
    case (.mariadb(let position), BinaryLogEvent.Kind.mariadbGTIDList):
      var before = GTIDPosition()
      before.read(list: body)
      guard position.isKnown, before.isKnown else {
        self = .mariadb(before)
        return true
      }
      return position.leads(to: before)
    case (.mysql(var set), BinaryLogEvent.Kind.mysqlGTID):
      guard let gtid = MySQLGTID(body) else { return true }
      set.insert(gtid)
      self = .mysql(set)
    case (.mysql(let set), BinaryLogEvent.Kind.mysqlPreviousGTIDs):
      var before = MySQLGTIDSet()
      before.read(list: body)
      self = .mysql(before)
      return !set.isKnown || !before.isKnown || set == before
    default: break
    }
    return true
  }

  /// Whether this can be the place of a dump, as far as it can be told. Files and positions alone are alike on all servers.
  func fits(_ place: DumpLogPlace) -> Bool {
    switch self {
    case .mariadb(let position): position.isKnown && place.gtid.flatMap { GTIDPosition($0) } == position
    // Not every server names its transactions. Which server's log it is, is known otherwise.
    case .mysql(let set): place.gtid.flatMap { MySQLGTIDSet($0) }.map { !set.isKnown || $0 == set } ?? true
    }
  }

  func includes(_ gtid: TransactionGTID) -> Bool {
    switch (self, gtid) {
    case (.mariadb(let position), .mariadb(let gtid)): position.includes(gtid)
    case (.mysql(let set), .mysql(let gtid)): set.contains(gtid)
    case (.mariadb, .mysql), (.mysql, .mariadb): false
    }
  }
}
