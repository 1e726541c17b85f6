import CofferSystem
import FoundationEssentials

/// Where the binary log of a server stood when that was read which a dump holds: the dump has every transaction before that place, and none
/// behind it.
public struct DumpLogPlace: Sendable, Equatable, Codable {
  /// The file's name, without a folder.
  public let file: String
  /// Where in the file the next event begins.
  public let position: UInt64
  /// MariaDB's GTID position there, `0-1-100,1-1-7`, or MySQL's set of GTIDs; nil where it is not known.
  public let gtid: String?
  /// When the place was seen, in whole seconds since 1970, by the clock of whoever made the dump: what the dump has was committed in that
  /// second at the latest.
  public let time: UInt64
  /// MySQL's server_uuid; nil of MariaDB, whose servers have nothing of the kind.
  public let server: String?

  /// - Returns: nil for what no place can be.
  public init?(file: String, position: UInt64, gtid: String?, time: UInt64, server: String? = nil) {
    guard BinaryLogFileName(file) != nil, position >= BinaryLogFileName.firstEvent else { return nil }
    self.file = file
    self.position = position
    self.gtid = gtid
    self.time = time
    self.server = server
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard
      let place = DumpLogPlace(
        file: try container.decode(String.self, forKey: .file),
        position: try container.decode(UInt64.self, forKey: .position),
        gtid: try container.decodeIfPresent(String.self, forKey: .gtid),
        time: try container.decode(UInt64.self, forKey: .time),
        server: try container.decodeIfPresent(String.self, forKey: .server))
    else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no place in a log"))
    }
    self = place
  }

  /// Whether a transaction is in what the dump holds, as far as its own GTIDs tell.
  public func has(_ gtid: TransactionGTID) -> Bool {
    switch gtid {
    case .mariadb(let own): self.gtid.flatMap { GTIDPosition($0) }?.includes(own) ?? false
    case .mysql(let own): self.gtid.flatMap { MySQLGTIDSet($0) }?.contains(own) ?? false
    }
  }

  /// Now, in whole seconds since 1970.
  static func second(of clock: Clock) -> UInt64 { UInt64(max(clock.now().timeIntervalSince1970.rounded(.down), 0)) }

  /// As messages name it.
  public var title: String { "\(Quoting.terminal(file)), \(position)" }

  public static func == (left: DumpLogPlace, right: DumpLogPlace) -> Bool {
    left.file == right.file && left.position == right.position && left.gtid == right.gtid && left.time == right.time
      && left.server == right.server
  }
}

/// Sees in a dump of `mariadb-dump --master-data=2` or `mysqldump --source-data=2` the comments that say where the server's log stood.
final class MariaDBLogPlaceWatch {
  private let clock: Clock
  /// MySQL's server_uuid; nil of MariaDB.
  private let server: String?
  private var head: [UInt8] = []
  private var isOver = false
  private var place: (file: String, position: UInt64)?
  private var gtid: String?
  private var time: UInt64?

  /// Bytes in which the place has to come: before all tables.
  private static let headLimit = 1 << 16
  private static let placeMark = "-- CHANGE MASTER TO MASTER_LOG_FILE='"
  private static let positionMark = ", MASTER_LOG_POS="
  private static let mysqlPlaceMark = "-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='"
  private static let mysqlPositionMark = ", SOURCE_LOG_POS="
  /// In front of the transactions that the dump has; these may be on several lines.
  private static let mysqlGTIDMark = "SET @@GLOBAL.GTID_PURGED="
  /// From version 8 on what it is set to is added to what is there.
  private static let mysqlAddition = "/*!80000 '+'*/ "
  /// What ends the lines that a dump begins with. Behind a line break, the name of the database that is among them may look like any of
  /// those below; no name is as long as this and one of them.
  private static let headerEnd = Array(("-- " + String(repeating: "-", count: 54)).utf8)
  /// In front of the first that may be anybody's text.
  private static let mysqlBodyMark = "-- Current Database: "
  private static let gtidMark = "-- SET GLOBAL gtid_slave_pos='"

  init(clock: Clock, server: String? = nil) {
    self.clock = clock
    self.server = server
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard !isOver else { return }
    head += bytes.prefix(Self.headLimit - head.count)
    if server == nil { look() } else { lookAtMySQL() }
    if place != nil, time == nil { time = DumpLogPlace.second(of: clock) }
    isOver = isOver || head.count == Self.headLimit
    if isOver { head = [] }
  }

  /// - Parameter tail: The dump's last bytes, where newer programs have the GTID position.
  /// - Returns: nil where the dump does not say it.
  func found(tail: [UInt8]) -> DumpLogPlace? {
    guard let place, let time else { return nil }
    return DumpLogPlace(
      file: place.file, position: place.position, gtid: gtid ?? (server == nil ? Self.gtid(in: tail) : nil), time: time,
      server: server)
  }

  /// The whole lines behind those that the dump begins with.
  private var lines: ArraySlice<ArraySlice<UInt8>> {
    head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
      .drop { !$0.elementsEqual(Self.headerEnd) }
  }

  /// Older programs have the GTID position behind the place, in the same comments, behind which may be anybody's text.
  private func look() {
    place = nil
    for line in lines {
      let text = String(decoding: line, as: UTF8.self)
      if place == nil {
        guard let rest = text.after(beginning: Self.placeMark) else { continue }
        place = Self.place(rest, Self.positionMark)
        isOver = place == nil
      } else if text.isEmpty || text.after(beginning: "--") != nil {
        gtid = Self.gtid(text)
        isOver = gtid != nil
      } else {
        isOver = true
      }
      guard !isOver else { return }
    }
  }

  /// MySQL has the transactions in front of the place, both under the lock by which they are of one moment; what is at a dump's end is not.
  private func lookAtMySQL() {
    place = nil
    var set: String?
    for line in lines {
      let text = String(decoding: line, as: UTF8.self)
      if let begun = set {
        set = begun + text
      } else if let rest = text.after(beginning: Self.mysqlGTIDMark) {
        set = (rest.after(beginning: Self.mysqlAddition) ?? rest).after(beginning: "'")
      } else if let rest = text.after(beginning: Self.mysqlPlaceMark) {
        place = Self.place(rest, Self.mysqlPositionMark)
      } else if text.after(beginning: Self.mysqlBodyMark) != nil {
        isOver = true
        return
      }
      if let whole = set?.before(end: "';") {
        gtid = MySQLGTIDSet(whole)?.text.flatMap { $0.isEmpty ? nil : $0 }
        set = nil
      }
    }
  }

  private static func place(_ text: String, _ positionMark: String) -> (file: String, position: UInt64)? {
    let parts = text.parts(by: "'")
    guard parts.count == 2, let number = parts[1].after(beginning: positionMark),
      let position = number.before(end: ";").flatMap({ UInt64($0) })
    else { return nil }
    return (parts[0], position)
  }

  private static func gtid(_ line: String) -> String? {
    line.after(beginning: gtidMark)?.before(end: "';").flatMap { text in
      let isOne = text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ",")
      }
      return isOne ? text : nil
    }
  }

  private static func gtid(in tail: [UInt8]) -> String? {
    // What comes before may be anybody's text.
    tail.split(separator: UInt8(ascii: "\n")).reversed().lazy.compactMap { gtid(String(decoding: $0, as: UTF8.self)) }
      .first
  }
}
