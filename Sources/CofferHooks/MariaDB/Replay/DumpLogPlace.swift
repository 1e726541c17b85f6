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

  /// What a file's first event begins at.
  private static let least: UInt64 = 4

  /// - Returns: nil for what no place can be.
  public init?(file: String, position: UInt64, gtid: String?, time: UInt64) {
    guard BinaryLogFileName(file) != nil, position >= Self.least else { return nil }
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

/// Sees in a dump of `mariadb-dump --master-data=2 --gtid` the comments that say where the server's log stood.
final class MariaDBLogPlaceWatch {
  private let clock: Clock
  private var head: [UInt8] = []
  private var place: (file: String, position: UInt64)?
  private var time: UInt64?

  /// Bytes in which the place has to come: before all tables.
  private static let headLimit = 1 << 16
  private static let placeMark = "-- CHANGE MASTER TO MASTER_LOG_FILE='"
  private static let gtidMark = "-- SET GLOBAL gtid_slave_pos='"

  init(clock: Clock) {
    self.clock = clock
  }

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard place == nil, head.count < Self.headLimit else { return }
    head += bytes.prefix(Self.headLimit - head.count)
    place = Self.place(in: head)
    guard place != nil else { return }
    time = DumpLogPlace.second(of: clock)
    head = []
  }

  /// - Parameter tail: The dump's last bytes, where the GTID position is.
  /// - Returns: nil where the dump does not say it.
  func found(tail: [UInt8]) -> DumpLogPlace? {
    guard let place, let time else { return nil }
    return DumpLogPlace(file: place.file, position: place.position, gtid: Self.gtid(in: tail), time: time)
  }

  private static func place(in head: [UInt8]) -> (file: String, position: UInt64)? {
    for line in head.split(separator: UInt8(ascii: "\n")).dropLast() {
      let text = String(decoding: line, as: UTF8.self)
      guard let parts = text.after(beginning: placeMark)?.parts(by: "'") else { continue }
      guard parts.count == 2, let number = parts[1].after(beginning: ", MASTER_LOG_POS="),
        let position = number.before(end: ";").flatMap({ UInt64($0) })
      else { return nil }
      return (parts[0], position)
    }
    return nil
  }

  private static func gtid(in tail: [UInt8]) -> String? {
    // What comes before may be anybody's text.
    tail.split(separator: UInt8(ascii: "\n")).reversed().lazy.compactMap { line in
      String(decoding: line, as: UTF8.self).after(beginning: gtidMark)?.before(end: "';")
    }.first { text in
      text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ",") }
    }
  }
}
