import CofferSystem

/// Goes through a binary log of MariaDB or MySQL, transaction by transaction, from the places of dumps up to a target.
///
/// Events and their numbers: https://mariadb.com/kb/en/replication-protocol/, and of MySQL `libbinlogevents` in its source (control_events.h).
struct ReplayWalk {
  /// What is at an event's end.
  enum Step: Equatable {
    /// In a transaction.
    case inside
    /// Between transactions: as far as this can be replayed.
    case between
    /// The transaction that the event begins, or is in, is behind the target.
    case beyond
  }

  private enum Kind {
    static let query = BinaryLogEvent.Kind.statement
    static let xid: UInt8 = 16
    static let incident: UInt8 = 26
    static let xaPrepare: UInt8 = 38
    /// MySQL's: all events of a transaction behind its beginning, compressed.
    static let payload: UInt8 = 40
    static let compressedQuery: UInt8 = 165
    static let ofTransactions: Set<UInt8> = [query, xid, xaPrepare, payload, compressedQuery]
  }

  /// What transactions begin with.
  static let begins: Set<UInt8> = [
    BinaryLogEvent.Kind.mariadbGTID, BinaryLogEvent.Kind.mysqlGTID, BinaryLogEvent.Kind.mysqlAnonymous,
  ]

  private struct Group {
    /// nil for one of MySQL that has none.
    let gtid: TransactionGTID?
    /// Whether it is one statement, without an end of its own; nil of MySQL, whose first statement tells.
    var isOneStatement: Bool?
    /// When it was committed, in seconds since 1970, where the beginning says it: by the server's own clock, whatever the session has set.
    let time: Int64?
    /// Of other databases, in which it changes rows by statements.
    var databases: Set<ExactName> = []
    /// Whether one of its statements goes by the time zone of the server's machine.
    var goesBySystemTime = false

    /// Where MySQL, from 8.0 on, has when it was committed, in microseconds (7 bytes, of which the highest bit says something else).
    private static let timeOffset = 42
    private static let timeMask: UInt64 = (1 << 55) - 1

    init?(_ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer) {
      guard event.kind != BinaryLogEvent.Kind.mariadbGTID else {
        guard body.count >= 13, let gtid = BinaryLogGTID(event, body) else { return nil }
        (self.gtid, isOneStatement, time) = (.mariadb(gtid), body[12] & 1 != 0, nil)
        return
      }
      isOneStatement = nil
      if event.kind == BinaryLogEvent.Kind.mysqlGTID {
        guard let gtid = MySQLGTID(body) else { return nil }
        self.gtid = .mysql(gtid)
      } else {
        gtid = nil
      }
      guard body.count >= Self.timeOffset + 7 else {
        time = nil
        return
      }
      let bytes = body[Self.timeOffset..<Self.timeOffset + 7]
      time = Int64(bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) } & Self.timeMask) / 1_000_000
    }
  }

  private let target: ReplayTarget
  private let dialect: MariaDBDialect
  /// Seconds by which the clock of a server may be ahead of, or behind, that of who has dumped it, in the eyes of who tells by it whether a
  /// log is that of the dump.
  private static let clockLimit: Int64 = 3600
  /// When the last place was seen that was come to, until a transaction is behind it.
  private var arrival: DumpLogPlace?
  /// In small letters; nil for all of the server.
  private let chosen: [String]?
  private var group: Group?
  /// What comes before the first beginning of a transaction may be the rest of one.
  private var hasSeenGroup = false

  /// The last transaction before the target; nil where there is none behind the first dump.
  private(set) var reached: ReplayedTransaction?
  private(set) var count = 0
  /// When the newest transaction was committed that has come, or the newest event written between two, in seconds since 1970. What is in a
  /// transaction may have any time: sessions can set theirs.
  private(set) var newest: Int64 = 0
  /// Names of databases that statements name by themselves or are run in.
  private(set) var databases: Set<ExactName> = []
  /// Whether the last statement is certainly about none of the chosen databases.
  private(set) var isElsewhere = false
  /// Whom statements make views, triggers, routines and events for.
  private(set) var definers: Set<MariaDBAccounts.Account> = []
  /// Other databases, in which rows are changed behind the first dump by statements, of which nobody knows what else they change.
  private(set) var databasesOfStatements: Set<ExactName> = []
  /// Whether statements behind the first dump go by the time zone of the server's machine.
  private(set) var goesBySystemTime = false

  /// Databases that are remembered at most.
  private static let databaseLimit = 10_000
  private static let definerLimit = 1000

  /// - Parameters:
  ///   - places: Of dumps, in the log's order; at least one.
  ///   - databases: Those that are replayed; nil for all of the server.
  init(
    from places: [DumpLogPlace], of databases: [String]?, to target: ReplayTarget,
    _ dialect: MariaDBDialect = .mariadb
  ) {
    remaining = places
    self.dialect = dialect
    self.target = target
    chosen = databases?.map(\.asciiLowercased)
  }

  /// Whether the log has come to the first dump.
  private(set) var hasBegun = false

  /// Dumps that it has not come to, in order.
  private(set) var remaining: [DumpLogPlace]
  /// Whether something behind the target has come, or the target is the last that was asked for.
  private(set) var isAtTarget = false

  /// Looks whether a dump was made between two events.
  ///
  /// - Returns: How many were.
  /// - Throws: `ReplayFault`.
  mutating func arrive(at position: UInt64, in file: String) throws(ReplayFault) -> Int {
    var arrived = 0
    while let place = remaining.first, place.file.isSame(as: file) {
      guard place.position <= position else { break }
      guard place.position == position, group == nil else { throw .notThere(place) }
      if case .time(let limit) = target, newestCommit > limit { throw .targetBefore(place) }
      if dialect.isMySQL {
        guard newestCommit - Self.clockLimit <= Int64(clamping: place.time) else { throw .notThere(place) }
        arrival = place
      }
      remaining.removeFirst()
      hasBegun = true
      arrived += 1
    }
    return arrived
  }

  /// When the last transaction was committed that was gone through.
  private var newestCommit: Int64 = 0

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - body: Without header and checksum.
  ///   - range: In the file.
  mutating func take(
    _ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer, in file: String, _ range: Range<UInt64>
  ) throws(ReplayFault) -> Step {
    let unreadable = ReplayFault.unreadable(file: file, position: range.lowerBound)
    if !hasBegun, !hasSeenGroup, Kind.ofTransactions.contains(event.kind) { return .inside }
    switch event.kind {
    case _ where Self.begins.contains(event.kind):
      guard group == nil, let begun = Group(event, body) else { throw unreadable }
      guard !isAtTarget else { return .beyond }
      hasSeenGroup = true
      group = begun
      isElsewhere = false
      return .inside
    case Kind.incident:
      guard !hasBegun else { throw .incident(file: file, position: range.lowerBound) }
      return group == nil ? .between : .inside
    case Kind.query, Kind.compressedQuery:
      // Servers from before there were GTIDs begin a transaction by such a statement.
      guard let group, let statement = Statement(body, isCompressed: event.kind == Kind.compressedQuery) else {
        throw unreadable
      }
      let isOne = group.isOneStatement ?? !statement.begins
      self.group?.isOneStatement = isOne
      if statement.goesBySystemTime { self.group?.goesBySystemTime = true }
      remember(statement, isAll: isOne)
      guard isOne || statement.ends else { return .inside }
      return try close(self.group ?? group, at: Int64(event.time) + Int64(statement.seconds), file, range.upperBound)
    case Kind.xid, Kind.xaPrepare, Kind.payload:
      guard let group else { throw unreadable }
      return try close(group, at: Int64(event.time), file, range.upperBound)
    default:
      guard group == nil else { return .inside }
      newest = max(newest, Int64(event.time))
      return .between
    }
  }

  private mutating func close(
    _ group: Group, at written: Int64, _ file: String, _ end: UInt64
  ) throws(ReplayFault) -> Step {
    let time = group.time ?? written
    newest = max(newest, time)
    // What was committed behind a dump was not committed long before it.
    if let arrival, time + Self.clockLimit < Int64(clamping: arrival.time) { throw .notThere(arrival) }
    arrival = nil
    if hasBegun, case .time(let limit) = target, time > limit {
      isAtTarget = true
      return .beyond
    }
    self.group = nil
    newestCommit = max(newestCommit, time)
    if hasBegun {
      reached = ReplayedTransaction(gtid: group.gtid, time: time, file: file, end: end)
      count += 1
      if databasesOfStatements.count < Self.databaseLimit { databasesOfStatements.formUnion(group.databases) }
      goesBySystemTime = goesBySystemTime || group.goesBySystemTime
    }
    if case .gtid(let gtid) = target, group.gtid == gtid { isAtTarget = true }
    return .between
  }

  private mutating func remember(_ statement: Statement, isAll: Bool) {
    guard let chosen else { return }
    isElsewhere = isAll && statement.isElsewhere(chosen)
    for name in statement.databases where databases.count < Self.databaseLimit { databases.insert(ExactName(name)) }
    if let definer = statement.definer, definers.count < Self.definerLimit { definers.insert(definer) }
    // What changes rows is never a statement by itself there.
    if !isAll, let name = statement.databaseOfRows, !chosen.contains(where: { $0.isSame(as: name.asciiLowercased) }),
      (group?.databases.count ?? 0) < Self.databaseLimit
    {
      group?.databases.insert(ExactName(name))
    }
  }

  /// A statement in the log: the number of its thread (4), the seconds that it took (4), the length of the database's name (1), an error (2),
  /// the length of its settings (2), these, the name, a zero byte, and the text.
  private struct Statement {
    let seconds: UInt32
    /// Whether it begins a transaction, or ends one.
    let begins: Bool
    let ends: Bool
    let databases: [String]
    let definer: MariaDBAccounts.Account?
    /// Of the table whose rows it changes, or in which it is run.
    let databaseOfRows: String?
    let goesBySystemTime: Bool
    private let qualifiers: [String]
    private let isOfAccounts: Bool
    /// Its bytes, those of ASCII's letters as small ones; empty for one that is compressed.
    private let text: [UInt8]

    private static let fixed = 13
    private static let ends: Set<String> = ["COMMIT", "ROLLBACK"]
    /// What changes of rows begin with, and what is between that and the table. Functions may make some, too.
    private static let ofRows: Set<String> = [
      "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "LOAD", "SELECT", "DO", "CALL",
    ]
    private static let ofOrder: Set<String> = [
      "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM",
    ]

    init?(_ body: UnsafeRawBufferPointer, isCompressed: Bool) {
      guard body.count > Self.fixed else { return nil }
      seconds = UInt32(littleEndian: body.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      let settings = Int(UInt16(littleEndian: body.loadUnaligned(fromByteOffset: 11, as: UInt16.self)))
      let start = Self.fixed + settings
      let end = start + Int(body[8])
      guard end < body.count else { return nil }
      let name = String(decoding: body[start..<end], as: UTF8.self)
      goesBySystemTime = Self.goesBySystemTime(body[Self.fixed..<start])
      guard !isCompressed else {
        // What ends a transaction is too short for that.
        (begins, ends, databases, qualifiers, isOfAccounts, text) = (false, false, [name], [], false, [])
        (definer, databaseOfRows) = (nil, name)
        return
      }
      let bytes = body[(end + 1)...]
      let words = bytes.count < 1024 ? String(decoding: bytes, as: UTF8.self).asciiUppercased.words : []
      begins = Self.isBeginning(words)
      ends = Self.isEnd(words)
      let statement = MariaDBStatement(unwrapping: Array(bytes.prefix(1 << 16)), mode: LexicalMode())
      // Without their database, routines and events cannot be made, changed or dropped.
      qualifiers = [.routine, .event].contains(statement.kind) ? statement.headQualifiers.map(\.name) : []
      isOfAccounts = statement.kind == .account
      definer = statement.definer
      databaseOfRows = Self.databaseOfRows(statement, in: name)
      databases = [name] + qualifiers
      text = bytes.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
    }

    /// Settings are a code each, and what belongs to it, in an order that servers keep: options (0: 4 bytes), the SQL mode (1: 8), a catalog (6:
    /// counted), how numbers are given (3: 4), character sets (4: 6), the time zone (5: counted), of statements that use it, and others.
    private static func goesBySystemTime(_ settings: Slice<UnsafeRawBufferPointer>) -> Bool {
      let lengths: [UInt8: Int] = [0: 4, 1: 8, 3: 4, 4: 6]
      var rest = settings
      while let code = rest.popFirst() {
        if let length = lengths[code] {
          rest = rest.dropFirst(length)
        } else if code == 5 || code == 6, let count = rest.popFirst() {
          if code == 5 { return rest.prefix(Int(count)).elementsEqual("SYSTEM".utf8) }
          rest = rest.dropFirst(Int(count))
        } else {
          return false
        }
      }
      return false
    }

    private static func databaseOfRows(_ statement: MariaDBStatement, in name: String) -> String? {
      let all = statement.lexemes.all
      guard all.first?.word.map(ofRows.contains) == true else { return nil }
      let rest = all.dropFirst().drop { $0.word.map(ofOrder.contains) ?? false }
      guard let first = rest.first, rest.dropFirst().first?.isSign(".") == true else { return name }
      return first.name ?? String(decoding: statement.text[first.range], as: UTF8.self)
    }

    /// Whether it can be about none of some databases: what it is about is named in it, or is in the database that it is run in.
    ///
    /// - Parameter chosen: In small letters.
    func isElsewhere(_ chosen: [String]) -> Bool {
      func isChosen(_ name: String) -> Bool { chosen.contains { $0.isSame(as: name.asciiLowercased) } }
      guard !isOfAccounts else { return true }
      // What is not ASCII may be written in any character set, and a backtick twice.
      guard chosen.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "`") } }) else { return false }
      guard qualifiers.isEmpty else { return !qualifiers.contains(where: isChosen) }
      guard !text.isEmpty, !isChosen(databases[0]) else { return false }
      let whole = String(decoding: text, as: UTF8.self)
      return !chosen.contains { whole.holds($0) }
    }

    private static func isBeginning(_ words: [String]) -> Bool {
      words == ["BEGIN"] || words.count > 2 && words[0] == "XA" && ["START", "BEGIN"].contains(words[1])
    }

    private static func isEnd(_ words: [String]) -> Bool {
      guard let first = words.first else { return false }
      return words.count == 1 && ends.contains(first)
        || words.count > 2 && first == "XA" && ends.contains(words[1])
    }
  }
}
