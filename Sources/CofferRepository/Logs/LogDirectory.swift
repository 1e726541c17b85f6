import CofferSystem
import FoundationEssentials

/// What is said of the server that a log is of, by whoever puts a part of it.
public struct LogOrigin: Codable, Sendable, Equatable {
  public let system: String
  public let identity: String
  /// The machine that it was put from.
  public let hostname: String
  /// What the configuration calls the server; empty for nothing.
  public let name: String
  /// How far a binary log is stored with the last segment; nil for other logs.
  public let reach: BinaryLogReach?
  /// The last entry of an oplog that is stored with the last segment; nil for other logs.
  public let oplog: OplogMark?

  public init(
    _ server: LogServer, hostname: String, name: String, reach: BinaryLogReach? = nil, oplog: OplogMark? = nil
  ) {
    system = server.system
    identity = server.identity
    self.hostname = hostname
    self.name = name
    self.reach = reach
    self.oplog = oplog
  }

  public var server: LogServer { LogServer(system: system, identity: identity) }
}

/// What a log's object holds: its segments, and where their blocks are.
struct LogDirectory: Sendable, Equatable {
  struct Block: Sendable, Equatable {
    /// Bytes, sealed.
    let storedLength: Int
    let isCompressed: Bool
  }

  struct Segment: Sendable, Equatable {
    /// Bytes.
    let size: Int
    let hash: Digest256
    /// When it was put, in milliseconds since 1970.
    let time: UInt64
    let blocks: [Block]

    var storedLength: Int { blocks.reduce(0) { $0 + $1.storedLength } }
    var date: Date { Date(timeIntervalSince1970: Double(time) / 1000) }
  }

  /// Segments of one object at most.
  static let segmentLimit = 4096
  /// Bytes of a segment at most: the largest that PostgreSQL can be made with.
  static let segmentSizeLimit = 1 << 30
  /// Plain bytes of all blocks of a segment but its last.
  static let blockSize = 1 << 20
  /// Bytes of a directory at most, sealed.
  static let sizeLimit = 16 << 20
  private static let originLimit = 16 << 10
  /// Milliseconds up to the end of the year 9999.
  private static let timeLimit: UInt64 = 253_402_300_800_000

  let origin: LogOrigin
  let segments: [Segment]

  init(origin: LogOrigin, segments: [Segment]) {
    self.origin = origin
    self.segments = segments
  }

  var blockLength: Int { segments.reduce(0) { $0 + $1.storedLength } }

  /// The numbers of a segment's blocks among all of the object, and their bytes counted from the first block on.
  func blocks(ofSegment number: Int) -> (first: Int, bytes: Range<Int>) {
    let before = segments[..<number]
    let start = before.reduce(0) { $0 + $1.storedLength }
    return (before.reduce(0) { $0 + $1.blocks.count }, start..<start + segments[number].storedLength)
  }

  func encoded() throws -> [UInt8] {
    var writer = ByteWriter()
    writer.counted(Array(try RecordJSON.encoder.encode(origin)))
    writer.varint(segments.count)
    for segment in segments {
      writer.varint(segment.size)
      writer.digest(segment.hash)
      writer.fixed(segment.time)
      for block in segment.blocks {
        writer.varint(block.storedLength)
        writer.byte(block.isCompressed ? 1 : 0)
      }
    }
    return writer.bytes
  }

  /// Reads what a key has signed.
  ///
  /// - Parameter count: Segments, by the object's name.
  /// - Throws: `ByteReader.Malformed`; `DecodingError`.
  init(decoding payload: [UInt8], count: Int) throws {
    (origin, segments) = try payload.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      let json = Array(try reader.raw(try reader.length(limit: Self.originLimit)))
      let origin = try RecordJSON.decoder.decode(LogOrigin.self, from: Data(json))
      guard try reader.length(limit: Self.segmentLimit) == count, count > 0 else { throw reader.malformed }
      let segments = try (0..<count).map { _ in try Self.segment(&reader) }
      try reader.finish()
      return (origin, segments)
    }
  }

  private static func segment(_ reader: inout ByteReader) throws -> Segment {
    let size = try reader.length(limit: segmentSizeLimit)
    let hash = try reader.digest()
    let time = try reader.fixed(UInt64.self)
    guard size > 0, time < timeLimit else { throw reader.malformed }
    let blocks = try (0..<blockCount(ofSize: size)).map { number in
      let length = try reader.length(limit: blockSize + AuthenticatedCipher.tagSize)
      let coding = try reader.byte()
      let isCompressed = coding == 1
      let plain = plainLength(ofBlock: number, size: size)
      // What is stored as it is has the length that it must have.
      guard coding <= 1, length > AuthenticatedCipher.tagSize,
        isCompressed || length == plain + AuthenticatedCipher.tagSize
      else { throw reader.malformed }
      return Block(storedLength: length, isCompressed: isCompressed)
    }
    return Segment(size: size, hash: hash, time: time, blocks: blocks)
  }

  static func blockCount(ofSize size: Int) -> Int { (size + blockSize - 1) / blockSize }

  static func plainLength(ofBlock number: Int, size: Int) -> Int { min(blockSize, size - number * blockSize) }

  /// - Returns: Milliseconds since 1970, of a time that a calendar has.
  static func milliseconds(_ date: Date) -> UInt64 {
    UInt64(min(max(date.timeIntervalSince1970 * 1000, 0), Double(timeLimit - 1)))
  }
}
