import Glibc

/// The block before a member of a tar archive, as PostgreSQL writes it: ustar (POSIX.1-1988) without pax's records, and a size
/// beyond what octal digits hold as a binary number, as GNU tar writes it (https://www.gnu.org/software/tar/manual/html_node/Extensions.html).
public struct TarBlock: Sendable, Equatable {
  public static let size = 512

  public private(set) var bytes: [UInt8]
  /// Bytes that follow, without what fills up the last block.
  public private(set) var contentSize: UInt64

  public static let name = 0..<100
  private static let (mode, user, group) = (100..<108, 108..<116, 116..<124)
  private static let length = 124..<136
  private static let modified = 136..<148
  private static let checksum = 148..<156
  public static let kind = 156
  /// Where a link leads.
  public static let target = 157..<257
  private static let magic = Array("ustar".utf8)
  private static let magicPlace = 257..<262
  private static let version = 263..<265
  private static let (userName, groupName) = (265..<297, 297..<329)
  private static let (majorDevice, minorDevice) = (329..<337, 337..<345)
  public static let prefix = 345..<500
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

  /// The block before a member of this name, as PostgreSQL writes it to the byte.
  ///
  /// - Parameters:
  ///   - name: At most 99 bytes, without a folder's `/` at its end.
  ///   - facts: Whose kind (a folder's or a file's), rights, owner and time the member gets.
  ///   - size: Bytes of content.
  /// - Returns: nil for a name that there is no room for.
  public init?(_ name: [UInt8], _ facts: stat, size: UInt64) {
    let isFolder = facts.st_mode & S_IFMT == S_IFDIR
    let name = name + (isFolder ? [UInt8(ascii: "/")] : [])
    guard !name.isEmpty, name.count < Self.name.count else { return nil }
    bytes = [UInt8](repeating: 0, count: Self.size)
    contentSize = size
    set(name, Self.name)
    set(UInt64(facts.st_mode & 0o7777), Self.mode)
    set(UInt64(facts.st_uid), Self.user)
    set(UInt64(facts.st_gid), Self.group)
    set(size, Self.length)
    set(UInt64(clamping: facts.st_mtim.tv_sec), Self.modified)
    bytes[Self.kind] = UInt8(ascii: isFolder ? "5" : "0")
    set(Self.magic + [0] + "00".utf8, Self.magicPlace.lowerBound..<Self.version.upperBound)
    for field in [Self.userName, Self.groupName] { set(Array("postgres".utf8), field) }
    for field in [Self.majorDevice, Self.minorDevice] { set(0, field) }
    set(Self.sum(bytes), Self.checksum)
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
    other.set(size, Self.length)
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

  /// Octal digits and a space, or a binary number where there are more of them than the field has room for.
  private mutating func set(_ number: UInt64, _ field: Range<Int>) {
    let (octal, digits) = (Array(String(number, radix: 8).utf8), field.count - 1)
    if octal.count <= digits {
      set([UInt8](repeating: UInt8(ascii: "0"), count: digits - octal.count) + octal + [UInt8(ascii: " ")], field)
    } else {
      let binary = withUnsafeBytes(of: number.bigEndian) { Array($0.suffix(digits)) }
      set([Self.isBinary] + [UInt8](repeating: 0, count: digits - binary.count) + binary, field)
    }
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
