import CofferSystem

/// What a MariaDB or MySQL server has in one file of its binary log from one event on and before another: a segment of its log.
public struct BinaryLogSlice: LogSlice, Equatable {
  /// The file's name, without a folder: `binlog.000007`.
  public let file: String
  /// Where in the file the first event begins, and where the last one ends.
  public let range: Range<UInt64>
  /// When its first and its last event were written, in seconds since 1970.
  public let times: (first: UInt32, last: UInt32)
  /// MariaDB's GTID position of all groups of events that begin before it, domains in their order: `0-1-100,1-1-7`. Empty where it is not
  /// known, or there is none.
  public let gtid: String
  /// The file's format description event, which readers of its events need.
  public let format: [UInt8]
  /// The events, one behind the other, as the server sends them.
  public let events: [UInt8]

  /// Bytes of events at most, unless one event is larger.
  public static let size = 16 << 20
  /// Bytes of all events, whatever they are.
  public static let sizeLimit = LogDirectory.segmentSizeLimit - (1 << 20)
  public static let storedLimit = LogDirectory.segmentSizeLimit
  public static let logTitle = "a binary log"

  private static let magic = Array("COFFERBL".utf8)
  private static let version: UInt8 = 1
  private static let nameLimit = 255
  private static let (gtidLimit, formatLimit) = (64 << 10, 64 << 10)

  /// - Returns: nil for what no slice can hold.
  public init?(
    file: String, range: Range<UInt64>, times: (first: UInt32, last: UInt32), gtid: String, format: [UInt8],
    events: [UInt8]
  ) {
    guard BinaryLogFileName(file) != nil, range.lowerBound >= BinaryLogFileName.firstEvent, !range.isEmpty,
      !events.isEmpty, events.count <= Self.sizeLimit, UInt64(events.count) == range.upperBound - range.lowerBound,
      (1...Self.formatLimit).contains(format.count)
    else { return nil }
    self.file = file
    self.range = range
    self.times = times
    // Whoever reads counts it himself where it is too long to be kept.
    self.gtid = gtid.utf8.count <= Self.gtidLimit ? gtid : ""
    self.format = format
    self.events = events
  }

  /// Whether nothing is missing between another slice and this one.
  public func follows(_ other: BinaryLogSlice) -> Bool {
    if file.isSame(as: other.file) { return range.lowerBound == other.range.upperBound }
    guard let name = BinaryLogFileName(file), let before = BinaryLogFileName(other.file) else { return false }
    return range.lowerBound == BinaryLogFileName.firstEvent && name.isBeside(before) && name.number > before.number
  }

  public static func == (left: BinaryLogSlice, right: BinaryLogSlice) -> Bool {
    left.file.isSame(as: right.file) && left.range == right.range && left.times == right.times
      && left.gtid.isSame(as: right.gtid) && left.format == right.format && left.events == right.events
  }
}

extension BinaryLogSlice {
  /// As it is stored.
  public var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.reserve(events.count + format.count + gtid.utf8.count + 64)
    writer.raw(Self.magic)
    writer.byte(Self.version)
    writer.text(file)
    writer.varint(range.lowerBound)
    writer.varint(range.upperBound)
    writer.fixed(times.first)
    writer.fixed(times.last)
    writer.text(gtid)
    writer.counted(format)
    writer.raw(events)
    return writer.bytes
  }

  /// Reads what `encoded` has written.
  ///
  /// - Throws: `MalformedSlice`.
  public init(decoding bytes: UnsafeRawBufferPointer) throws(MalformedSlice) {
    self = try Self.read(bytes, magic: Self.magic, version: Self.version) { reader in
      let name = String(decoding: try reader.raw(try reader.length(limit: Self.nameLimit)), as: UTF8.self)
      let (start, end) = (try reader.varint(), try reader.varint())
      guard start < end else { return nil }
      let times = (first: try reader.fixed(UInt32.self), last: try reader.fixed(UInt32.self))
      let gtid = String(decoding: try reader.raw(try reader.length(limit: Self.gtidLimit)), as: UTF8.self)
      let format = Array(try reader.raw(try reader.length(limit: Self.formatLimit)))
      return BinaryLogSlice(
        file: name, range: start..<end, times: times, gtid: gtid, format: format,
        events: Array(try reader.raw(reader.remaining)))
    }
  }
}
