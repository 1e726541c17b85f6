import CofferSystem

/// Cuts what comes of one file of a binary log into events, and checks each: its length, its checksum, its place.
public struct BinaryLogParser: Sendable {
  /// Why what came is not what a server has in a file.
  public enum Fault: Error, Equatable {
    case magic
    case format
    case size(at: UInt64)
    case checksum(at: UInt64)
    /// An event begins elsewhere than the one before it ends.
    case place(expected: UInt64)
  }

  /// Where the next event begins in the file.
  public private(set) var position: UInt64
  /// The file's format description event; empty until it has come.
  public private(set) var format: [UInt8] = []
  /// When the file was begun, and by the server of which number.
  public private(set) var created: UInt32 = 0
  public private(set) var serverID: UInt32 = 0
  public private(set) var gtids: GTIDPosition
  /// Whether events may still come: none does behind one that ends the file.
  public private(set) var hasEnded = false
  private var arrived = ArrivingBytes()
  private var hasMagic = false
  private var hasChecksums = false

  /// What a file begins with.
  public static let magic: [UInt8] = [0xfe, 0x62, 0x69, 0x6e]
  /// Bytes of an event at most: more no server takes in one packet.
  public static let sizeLimit = (1 << 30) - (1 << 20)
  /// Bytes from which on it counts how often an event is held.
  private static let large = 1 << 20
  /// Bytes of an event's checksum, where its file has such.
  static let checksumSize = 4
  /// Bytes of a format description event at most: a slice holds no more.
  private static let formatLimit = 64 << 10

  /// - Parameters:
  ///   - position: Where the first event that will come begins in the file.
  ///   - gtids: MariaDB's position there, where it is known.
  public init(from position: UInt64, gtids: GTIDPosition = GTIDPosition()) {
    self.position = position
    self.gtids = gtids
  }

  /// Whether all that has come is whole events.
  public var isAtBoundary: Bool { arrived.isEmpty }

  /// An event that a file has.
  public struct Item: Sendable {
    public let event: BinaryLogEvent
    /// All of its bytes.
    public let bytes: ArraySlice<UInt8>
    /// Where it begins and ends in the file.
    public let range: Range<UInt64>
    /// MariaDB's position before it.
    public let gtids: GTIDPosition
  }

  /// Takes what has come.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) { arrived.append(bytes) }

  /// Takes the next event out that is whole.
  ///
  /// - Returns: nil where more has to come.
  /// - Throws: `Fault`.
  public mutating func next() throws(Fault) -> Item? {
    if !hasMagic {
      guard arrived.count >= Self.magic.count else { return nil }
      guard arrived.take(Self.magic.count).elementsEqual(Self.magic) else { throw .magic }
      hasMagic = true
    }
    while arrived.count >= BinaryLogEvent.headerSize {
      let event = arrived.look { BinaryLogEvent($0) }
      guard event.size >= BinaryLogEvent.headerSize, event.size <= Self.sizeLimit else { throw .size(at: position) }
      guard arrived.count >= event.size else {
        if event.size > Self.large { arrived.reserve(event.size) }
        return nil
      }
      let bytes = arrived.take(event.size)
      if let item = try item(event, bytes) { return item }
    }
    return nil
  }

  /// - Returns: nil for what no file has.
  private mutating func item(_ event: BinaryLogEvent, _ bytes: ArraySlice<UInt8>) throws(Fault) -> Item? {
    if event.kind == BinaryLogEvent.Kind.format { try readFormat(event, bytes) }
    guard !format.isEmpty else { throw .format }
    if hasChecksums {
      guard event.size >= BinaryLogEvent.headerSize + Self.checksumSize, Self.isIntact(bytes) else {
        throw .checksum(at: position)
      }
    }
    let start = position
    let (end, isOver) = start.addingReportingOverflow(UInt64(event.size))
    guard event.isOfFile(endingAt: UInt32(truncatingIfNeeded: end)) else { return nil }
    // The header has the low bits of where it ends.
    guard UInt32(truncatingIfNeeded: end) == event.end, !isOver, !hasEnded else { throw .place(expected: position) }
    let before = gtids
    let body = bytes.dropFirst(BinaryLogEvent.headerSize).dropLast(hasChecksums ? Self.checksumSize : 0)
    switch event.kind {
    case BinaryLogEvent.Kind.mariadbGTID: body.withUnsafeBytes { gtids.begin(event, $0) }
    case BinaryLogEvent.Kind.mariadbGTIDList: body.withUnsafeBytes { gtids.read(list: $0) }
    case BinaryLogEvent.Kind.rotate, BinaryLogEvent.Kind.stop: hasEnded = true
    default: break
    }
    position = end
    return Item(event: event, bytes: bytes, range: start..<end, gtids: before)
  }

  /// The event's body is the format's version (2), the server's version (50), a time (4), the length of headers (1), then a length for
  /// each kind of event, the kind of checksums (1) and a checksum (4).
  private mutating func readFormat(_ event: BinaryLogEvent, _ bytes: ArraySlice<UInt8>) throws(Fault) {
    let fixed = BinaryLogEvent.headerSize + 57
    let all = Array(bytes)
    guard format.isEmpty, (fixed + 1 + Self.checksumSize...Self.formatLimit).contains(all.count),
      all[BinaryLogEvent.headerSize..<BinaryLogEvent.headerSize + 2].elementsEqual([4, 0]),
      all[fixed - 1] == UInt8(BinaryLogEvent.headerSize)
    else { throw .format }
    // Neither kind of server is without it any more: MySQL 5.6.1, MariaDB 5.3.
    switch all[all.count - Self.checksumSize - 1] {
    case 0: hasChecksums = false
    case 1: hasChecksums = true
    default: throw .format
    }
    format = all
    (created, serverID) = (event.time, event.serverID)
  }

  private static func isIntact(_ bytes: ArraySlice<UInt8>) -> Bool {
    var sum = CRC32()
    bytes.dropLast(checksumSize).withUnsafeBytes { sum.update($0) }
    let stored = bytes.suffix(checksumSize).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
    return sum.value == stored
  }
}
