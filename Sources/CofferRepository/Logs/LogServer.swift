import CofferSystem

/// A database server, as its log names it.
public struct LogServer: Sendable, Equatable {
  /// The database system: `postgresql`.
  public let system: String
  /// What the system tells its servers apart by: PostgreSQL's system identifier in decimal digits.
  public let identity: String

  public init(system: String, identity: String) {
    self.system = system
    self.identity = identity
  }

  /// What stands for a server of a system whose servers have nothing by which they could be told apart.
  ///
  /// - Parameters:
  ///   - host: The one that stores its log.
  ///   - name: What the configuration calls it there.
  public static func identity(host: String, name: String) -> String { "\(host)/\(name)" }

  /// What it is called in objects' names: 32 hex digits.
  func id(_ context: RepositoryContext) throws -> String {
    let key = try KeyDerivation.hkdf(
      secret: context.keys.indexKey, salt: context.header.salt, label: "coffer log server", count: 32)
    let bytes = Array(system.utf8) + [0] + Array(identity.utf8)
    return String(try MessageAuthentication.code(of: bytes, key: key).hex.prefix(LogName.digits))
  }
}

/// Which segment of a server's log is meant.
public struct LogPlace: Sendable, Hashable, Comparable {
  /// The binary logarithm of as many segments as there may be with the same high 32 bits, taken from 32.
  public static let exponents: ClosedRange<UInt8> = 0...31

  /// PostgreSQL's timeline.
  public let history: UInt32
  public let number: UInt64
  /// For WAL the binary logarithm of a segment's bytes.
  public let exponent: UInt8

  /// - Returns: nil for a number that no segment has.
  public init?(history: UInt32, number: UInt64, exponent: UInt8) {
    guard Self.exponents.contains(exponent), number & 0xffff_ffff < UInt64(1) << (32 - UInt64(exponent)) else {
      return nil
    }
    self.history = history
    self.number = number
    self.exponent = exponent
  }

  /// The place of what belongs to a history as a whole.
  public init(firstOf history: UInt32) {
    self.history = history
    number = 0
    exponent = 0
  }

  /// The place of the segment that follows; nil behind the last that there can be.
  public var next: LogPlace? {
    if let next = LogPlace(history: history, number: number &+ 1, exponent: exponent), next.number > number {
      return next
    }
    let (high, isOver) = (number >> 32).addingReportingOverflow(1)
    guard !isOver, high <= 0xffff_ffff else { return nil }
    return LogPlace(history: history, number: high << 32, exponent: exponent)
  }

  /// The number counted from the log's beginning, without a gap.
  public var ordinal: UInt64 { (number >> 32) << (32 - UInt64(exponent)) | number & 0xffff_ffff }

  /// How many segments there are from this one to another of the same history and exponent, both counted; nil where that one is
  /// before it.
  func count(to last: LogPlace) -> UInt64? {
    guard history == last.history, exponent == last.exponent, number <= last.number else { return nil }
    let (count, isOver) = (last.ordinal - ordinal).addingReportingOverflow(1)
    return isOver ? nil : count
  }

  public static func < (left: LogPlace, right: LogPlace) -> Bool {
    (left.history, left.number, left.exponent) < (right.history, right.number, right.exponent)
  }
}

/// Who has put a part of a log.
public enum LogSigner: Sendable, Hashable {
  /// Any full key: they vouch for each other.
  case full
  /// A write-only key, by its id.
  case writeOnly(String)

  init(_ keys: KeyBundle) {
    self = keys.role == .full ? .full : .writeOnly(keys.id.description)
  }

  init?(_ text: String) {
    guard !text.isSame(as: Self.full.text) else {
      self = .full
      return
    }
    guard let id = KeyID(hex: text), id.description.isSame(as: text) else { return nil }
    self = .writeOnly(text)
  }

  /// As names have it.
  public var text: String {
    switch self {
    case .full: "full"
    case .writeOnly(let id): id
    }
  }
}
