/// The block before a member of a tar archive, as PostgreSQL writes it: ustar (POSIX.1-1988) without pax's records, and a size
/// beyond what octal digits hold as a binary number, as GNU tar writes it (https://www.gnu.org/software/tar/manual/html_node/Extensions.html).
public struct TarBlock: Sendable, Equatable {
  public static let size = 512

  public private(set) var bytes: [UInt8]
  /// Bytes that follow, without what fills up the last block.
  public private(set) var contentSize: UInt64

  public static let name = 0..<100
  private static let length = 124..<136
  private static let checksum = 148..<156
  public static let kind = 156
  /// Where a link leads.
  public static let target = 157..<257
  private static let magic = Array("ustar".utf8)
  private static let magicPlace = 257..<262
  public static let prefix = 345..<500
  /// Octal digits in the field of sizes.
  private static let digits = 11
  /// Of a size that is a binary number; the sign of that is in the first byte.
  private static let isBinary: UInt8 = 0x80
  /// PostgreSQL's parts of tables and segments are smaller by far.
  private static let sizeLimit: UInt64 = 1 << 56

  /// - Parameter bytes: `size` of them.
  /// - Returns: nil for what is no such block: a false checksum, another form.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size, bytes[Self.magicPlace].elementsEqual(Self.magic), bytes[0] != 0,
      let sum = Self.octal(bytes[Self.checksum]), sum == Self.sum(bytes),
      let size = Self.number(bytes[Self.length]), size <= Self.sizeLimit
    else { return nil }
    self.bytes = bytes
    contentSize = size
  }

  /// Whether a file's content follows; links and folders have none.
  public var isFile: Bool { bytes[Self.kind] == UInt8(ascii: "0") || bytes[Self.kind] == 0 }

  /// The same member in a folder.
  ///
  /// - Parameter folder: At most 155 bytes.
  /// - Returns: nil where the member is in a folder of the kind already.
  public func inFolder(_ folder: [UInt8]) -> TarBlock? {
    guard bytes[Self.prefix.lowerBound] == 0 else { return nil }
    var other = self
    other.set(folder, Self.prefix)
    other.sign()
    return other
  }

  /// A file of the same owner, rights and time.
  ///
  /// - Parameter name: At most 100 bytes.
  public func file(_ name: [UInt8], size: UInt64) -> TarBlock {
    var other = self
    other.set(name, Self.name)
    other.set([], Self.prefix)
    other.bytes[Self.kind] = UInt8(ascii: "0")
    other.contentSize = size
    let octal = Array(String(size, radix: 8).utf8)
    if octal.count <= Self.digits {
      other.set([UInt8](repeating: UInt8(ascii: "0"), count: Self.digits - octal.count) + octal, Self.length)
    } else {
      let binary = withUnsafeBytes(of: size.bigEndian) { Array($0) }
      other.set([Self.isBinary] + [UInt8](repeating: 0, count: Self.digits - binary.count) + binary, Self.length)
    }
    other.sign()
    return other
  }

  /// Zeros up to a whole block.
  public static func fill(after count: UInt64) -> Int {
    let rest = Int(count % UInt64(size))
    return rest == 0 ? 0 : size - rest
  }

  private mutating func set(_ text: [UInt8], _ field: Range<Int>) {
    bytes.replaceSubrange(field, with: text + [UInt8](repeating: 0, count: field.count - text.count))
  }

  private mutating func sign() {
    let octal = Array(String(Self.sum(bytes), radix: 8).utf8)
    set([UInt8](repeating: UInt8(ascii: "0"), count: 6 - octal.count) + octal + [0, UInt8(ascii: " ")], Self.checksum)
  }

  /// Of all bytes, those of the sum itself taken for spaces.
  private static func sum(_ bytes: [UInt8]) -> UInt64 {
    bytes.enumerated().reduce(0) { $0 + UInt64(checksum.contains($1.offset) ? UInt8(ascii: " ") : $1.element) }
  }

  /// - Returns: nil for what is neither octal digits nor a binary number of 64 bits.
  private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
    guard field.first == isBinary else { return octal(field) }
    let binary = field.dropFirst()
    guard binary.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
    return binary.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Digits, with spaces before and a space or NUL behind them.
  private static func octal(_ field: ArraySlice<UInt8>) -> UInt64? {
    let trimmed = field.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
    guard !trimmed.isEmpty else { return nil }
    return trimmed.reduce(UInt64?.some(0)) { value, digit in
      guard let value, value >> 60 == 0, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
      return value << 3 | UInt64(digit - UInt8(ascii: "0"))
    }
  }
}
