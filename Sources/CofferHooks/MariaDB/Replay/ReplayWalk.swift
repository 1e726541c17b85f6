import CofferSystem

/// Goes through a binary log of MariaDB, transaction by transaction, from the places of dumps up to a target.
///
/// Events and their numbers: https://mariadb.com/kb/en/replication-protocol/
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
    static let query: UInt8 = 2
    static let xid: UInt8 = 16
    static let incident: UInt8 = 26
    static let xaPrepare: UInt8 = 38
    static let compressedQuery: UInt8 = 165
    static let ofTransactions: Set<UInt8> = [query, xid, xaPrepare, compressedQuery]
  }

  private struct Group {
    let gtid: BinaryLogGTID
    /// Whether it is one statement, without an end of its own.
    let isOneStatement: Bool
  }

  private let target: ReplayTarget
  /// In small letters.
  private let chosen: [String]
  private var group: Group?
  /// What comes before the first beginning of a transaction may be the rest of one.
  private var hasSeenGroup = false
  /// Of each domain the last transaction that was gone through.
  private var last: [UInt32: BinaryLogGTID] = [:]

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

  /// Databases that are remembered at most.
  private static let databaseLimit = 10_000

  /// - Parameters:
  ///   - places: Of dumps, in the log's order; at least one.
  ///   - databases: Those that are replayed.
  init(from places: [DumpLogPlace], of databases: [String], to target: ReplayTarget) {
    remaining = places
    self.target = target
    chosen = databases.map(\.asciiLowercased)
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
      if case .gtid(let gtid) = target, let reached = last[gtid.domain], reached.sequence >= gtid.sequence {
        throw .targetBefore(place)
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
    case BinaryLogEvent.Kind.mariadbGTID:
      guard group == nil, body.count >= 13, let gtid = BinaryLogGTID(event, body) else { throw unreadable }
      guard !isAtTarget else { return .beyond }
      hasSeenGroup = true
      group = Group(gtid: gtid, isOneStatement: body[12] & 1 != 0)
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
      remember(statement, isAll: group.isOneStatement)
      guard group.isOneStatement || statement.ends else { return .inside }
      return close(group, at: Int64(event.time) + Int64(statement.seconds), file, range.upperBound)
    case Kind.xid, Kind.xaPrepare:
      guard let group else { throw unreadable }
      return close(group, at: Int64(event.time), file, range.upperBound)
    default:
      guard group == nil else { return .inside }
      newest = max(newest, Int64(event.time))
      return .between
    }
  }

  private mutating func close(_ group: Group, at time: Int64, _ file: String, _ end: UInt64) -> Step {
    newest = max(newest, time)
    if hasBegun, case .time(let limit) = target, time > limit {
      isAtTarget = true
      return .beyond
    }
    self.group = nil
    last[group.gtid.domain] = group.gtid
    newestCommit = max(newestCommit, time)
    if hasBegun {
      reached = ReplayedTransaction(gtid: group.gtid, time: time, file: file, end: end)
      count += 1
    }
    if case .gtid(let gtid) = target, gtid == group.gtid { isAtTarget = true }
    return .between
  }

  private mutating func remember(_ statement: Statement, isAll: Bool) {
    isElsewhere = isAll && statement.isElsewhere(chosen)
    for name in statement.databases where databases.count < Self.databaseLimit { databases.insert(ExactName(name)) }
  }

  /// A statement in the log: the number of its thread (4), the seconds that it took (4), the length of the database's name (1), an error (2),
  /// the length of its settings (2), these, the name, a zero byte, and the text.
  private struct Statement {
    let seconds: UInt32
    /// Whether it ends a transaction.
    let ends: Bool
    let databases: [String]
    private let qualifiers: [String]
    private let isOfAccounts: Bool
    /// Its bytes, those of ASCII's letters as small ones; empty for one that is compressed.
    private let text: [UInt8]

    private static let fixed = 13
    private static let ends: Set<String> = ["COMMIT", "ROLLBACK"]

    init?(_ body: UnsafeRawBufferPointer, isCompressed: Bool) {
      guard body.count > Self.fixed else { return nil }
      seconds = UInt32(littleEndian: body.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      let settings = Int(UInt16(littleEndian: body.loadUnaligned(fromByteOffset: 11, as: UInt16.self)))
      let start = Self.fixed + settings
      let end = start + Int(body[8])
      guard end < body.count else { return nil }
      let name = String(decoding: body[start..<end], as: UTF8.self)
      guard !isCompressed else {
        // What ends a transaction is too short for that.
        (ends, databases, qualifiers, isOfAccounts, text) = (false, [name], [], false, [])
        return
      }
      let bytes = body[(end + 1)...]
      ends = bytes.count < 1024 && Self.isEnd(bytes)
      let statement = MariaDBStatement(unwrapping: Array(bytes.prefix(1 << 16)), mode: LexicalMode())
      // Without their database, routines and events cannot be made, changed or dropped.
      qualifiers = [.routine, .event].contains(statement.kind) ? statement.headQualifiers.map(\.name) : []
      isOfAccounts = statement.kind == .account
      databases = [name] + qualifiers
      text = bytes.map { (0x41...0x5a).contains($0) ? $0 + 0x20 : $0 }
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

    private static func isEnd(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
      let words = String(decoding: text, as: UTF8.self).asciiUppercased.words
      guard let first = words.first else { return false }
      return words.count == 1 && ends.contains(first)
        || words.count > 2 && first == "XA" && ends.contains(words[1])
    }
  }
}
