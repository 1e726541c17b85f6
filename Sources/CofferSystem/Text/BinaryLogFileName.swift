/// The name of a file of a MariaDB or MySQL server's binary log: a name, a dot, and digits by which the server counts its files.
public struct BinaryLogFileName: Sendable, Equatable {
  public let text: String
  public let number: UInt64
  private let base: String
  private let digits: Int

  /// Where a file's first event begins, behind its magic number.
  public static let firstEvent: UInt64 = 4
  private static let limit = 255

  /// - Parameter text: Without a folder.
  /// - Returns: nil for a name that no such file has, or that could lead elsewhere.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard (1...Self.limit).contains(bytes.count), let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0,
      bytes[0] != UInt8(ascii: "-"), !bytes.contains(where: { $0 == UInt8(ascii: "/") || $0 < 0x20 || $0 == 0x7f })
    else { return nil }
    let digits = bytes[(dot + 1)...]
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = UInt64(String(decoding: digits, as: UTF8.self))
    else { return nil }
    self.text = text
    self.number = number
    base = String(decoding: bytes[..<dot], as: UTF8.self)
    self.digits = digits.count
  }

  /// Whether two files are of one binary log.
  public func isBeside(_ other: BinaryLogFileName) -> Bool { base.isSame(as: other.base) }

  /// The file that a server begins behind this one; nil behind the last that there can be.
  public var next: BinaryLogFileName? {
    let (next, isOver) = number.addingReportingOverflow(1)
    guard !isOver else { return nil }
    let text = String(next)
    return BinaryLogFileName("\(base).\(String(repeating: "0", count: max(digits - text.utf8.count, 0)))\(text)")
  }

  public static func == (left: BinaryLogFileName, right: BinaryLogFileName) -> Bool { left.text.isSame(as: right.text) }
}
