import CofferSystem
import FoundationEssentials

/// Where the binary log of a server stood when that was read which a dump holds: the dump has every transaction before that place, and none
/// behind it.
public struct DumpLogPlace: Sendable, Equatable, Codable {
  /// The file's name, without a folder.
  public let file: String
  /// Where in the file the next event begins.
  public let position: UInt64
  /// MariaDB's GTID position there, `0-1-100,1-1-7`; nil where it is not known.
  public let gtid: String?
  /// When the place was seen, in whole seconds since 1970, by the clock of whoever made the dump: what the dump has was committed in that
  /// second at the latest.
  public let time: UInt64

  /// - Returns: nil for what no place can be.
  public init?(file: String, position: UInt64, gtid: String?, time: UInt64) {
    guard BinaryLogFileName(file) != nil, position >= BinaryLogFileName.firstEvent else { return nil }
    self.file = file
    self.position = position
    self.gtid = gtid
    self.time = time
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard
      let place = DumpLogPlace(
        file: try container.decode(String.self, forKey: .file),
        position: try container.decode(UInt64.self, forKey: .position),
        gtid: try container.decodeIfPresent(String.self, forKey: .gtid),
        time: try container.decode(UInt64.self, forKey: .time))
    else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no place in a log"))
    }
    self = place
  }

  /// Now, in whole seconds since 1970.
  static func second(of clock: Clock) -> UInt64 { UInt64(max(clock.now().timeIntervalSince1970.rounded(.down), 0)) }

  /// As messages name it.
  public var title: String { "\(Quoting.terminal(file)), \(position)" }

  public static func == (left: DumpLogPlace, right: DumpLogPlace) -> Bool {
    left.file == right.file && left.position == right.position && left.gtid == right.gtid && left.time == right.time
  }
}

/// Sees in a dump of `mariadb-dump --master-data=2` the comments that say where the server's log stood.
final class MariaDBLogPlaceWatch {
  private let clock: Clock
  private var head: [UInt8] = []
  private var isOver = false
  private var place: (file: String, position: UInt64)?
  private var gtid: String?
  private var time: UInt64?

  /// Bytes in which the place has to come: before all tables.
  private static let headLimit = 1 << 16
  private static let placeMark = "-- CHANGE MASTER TO MASTER_LOG_FILE='"
  private static let gtidMark = "-- SET GLOBAL gtid_slave_pos='"

  init(clock: Clock) {
    self.clock = clock
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard !isOver else { return }
    head += bytes.prefix(Self.headLimit - head.count)
    look()
    if place != nil, time == nil { time = DumpLogPlace.second(of: clock) }
    isOver = isOver || head.count == Self.headLimit
    if isOver { head = [] }
  }

  /// - Parameter tail: The dump's last bytes, where newer programs have the GTID position.
  /// - Returns: nil where the dump does not say it.
  func found(tail: [UInt8]) -> DumpLogPlace? {
    guard let place, let time else { return nil }
    return DumpLogPlace(file: place.file, position: place.position, gtid: gtid ?? Self.gtid(in: tail), time: time)
  }

  /// Older programs have the GTID position behind the place, in the same comments, behind which may be anybody's text.
  private func look() {
    place = nil
    for line in head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
      let text = String(decoding: line, as: UTF8.self)
      if place == nil {
        guard let rest = text.after(beginning: Self.placeMark) else { continue }
        place = Self.place(rest)
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

  private static func place(_ text: String) -> (file: String, position: UInt64)? {
    let parts = text.parts(by: "'")
    guard parts.count == 2, let number = parts[1].after(beginning: ", MASTER_LOG_POS="),
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
