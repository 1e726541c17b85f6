import CofferSystem

/// What is kept beside a base backup, so that what may be done with it is known without reading it.
///
/// The version of the server is in the `DumpFacts`. The stream has all WAL from `start` to `end`: by itself it can be brought to `end`,
/// and with the log behind it to every moment after that.
public struct BaseBackupFacts: Sendable, Equatable {
  /// A tablespace of its own, beside those of the data directory.
  public struct Tablespace: Sendable, Equatable {
    /// What its folder is called in `pg_tblspc`.
    public let oid: UInt32
    /// The folder on the server, absolute.
    public let location: ServerText

    /// - Returns: nil for what cannot be a tablespace.
    public init?(oid: UInt32, location: ServerText) {
      guard oid > 0, location.bytes.first == UInt8(ascii: "/"), !location.bytes.contains(0),
        location.bytes.count <= Self.locationLimit
      else { return nil }
      self.oid = oid
      self.location = location
    }

    /// Bytes: PATH_MAX of linux/limits.h.
    private static let locationLimit = 4096
  }

  public let systemIdentifier: UInt64
  /// The one on which it ended.
  public let timeline: UInt32
  /// Where recovery has to begin.
  public let start: LogSequenceNumber
  /// What recovery has to reach before the cluster is consistent.
  public let end: LogSequenceNumber
  /// Bytes.
  public let segmentSize: Int
  /// Whether the server's pages have checksums; they were verified then.
  public let hasChecksums: Bool
  /// In the order of their numbers.
  public let tablespaces: [Tablespace]

  private static let tablespaceLimit = 65_536

  /// - Returns: nil for what makes no sense.
  public init?(
    systemIdentifier: UInt64, timeline: UInt32, start: LogSequenceNumber, end: LogSequenceNumber, segmentSize: Int,
    hasChecksums: Bool, tablespaces: [Tablespace]
  ) {
    guard systemIdentifier > 0, timeline > 0, start <= end, WALPageHeader.segmentSizes.contains(segmentSize),
      tablespaces.count <= Self.tablespaceLimit, Set(tablespaces.map(\.oid)).count == tablespaces.count
    else { return nil }
    self.systemIdentifier = systemIdentifier
    self.timeline = timeline
    self.start = start
    self.end = end
    self.segmentSize = segmentSize
    self.hasChecksums = hasChecksums
    self.tablespaces = tablespaces.sorted { $0.oid < $1.oid }
  }

  /// The binary logarithm of a segment's bytes.
  public var exponent: UInt8 { UInt8(segmentSize.trailingZeroBitCount) }
}

extension BaseBackupFacts: Codable {
  private enum Key: CodingKey {
    case systemIdentifier, timeline, start, end, segmentSize, hasChecksums, tablespaces
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    // A text: numbers of 64 bits are not everywhere what they were.
    guard let identifier = UInt64(try container.decode(String.self, forKey: .systemIdentifier)),
      let facts = BaseBackupFacts(
        systemIdentifier: identifier, timeline: try container.decode(UInt32.self, forKey: .timeline),
        start: try container.decode(LogSequenceNumber.self, forKey: .start),
        end: try container.decode(LogSequenceNumber.self, forKey: .end),
        segmentSize: try container.decode(Int.self, forKey: .segmentSize),
        hasChecksums: try container.decode(Bool.self, forKey: .hasChecksums),
        tablespaces: try container.decode([Tablespace].self, forKey: .tablespaces))
    else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no base backup's"))
    }
    self = facts
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(String(systemIdentifier), forKey: .systemIdentifier)
    try container.encode(timeline, forKey: .timeline)
    try container.encode(start, forKey: .start)
    try container.encode(end, forKey: .end)
    try container.encode(segmentSize, forKey: .segmentSize)
    try container.encode(hasChecksums, forKey: .hasChecksums)
    try container.encode(tablespaces, forKey: .tablespaces)
  }
}

extension BaseBackupFacts.Tablespace: Codable {
  private enum Key: CodingKey {
    case oid, location
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    guard
      let tablespace = Self(
        oid: try container.decode(UInt32.self, forKey: .oid),
        location: try container.decode(ServerText.self, forKey: .location))
    else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no tablespace"))
    }
    self = tablespace
  }
}
