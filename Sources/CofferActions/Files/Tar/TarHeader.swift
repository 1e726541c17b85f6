import CofferSystem

/// What a tar archive says of one member, before its content: a block of ustar, and before that, where ustar has no room for
/// something, pax's records (POSIX.1-2001, `pax`, "pax Interchange Format").
struct TarHeader {
  enum Kind: UInt8 {
    case file = 0x30
    case hardLink, symbolicLink, characterDevice, blockDevice, folder, fifo
    /// Pax's records for the member that follows.
    case records = 0x78
  }

  static let blockSize = 512

  let kind: Kind
  let path: [UInt8]
  /// Of links; of hard links the path of the member that was first.
  var target: [UInt8] = []
  var mode: UInt32 = 0
  var userID: UInt32 = 0
  var groupID: UInt32 = 0
  var user = ""
  var group = ""
  /// Nanoseconds since 1970 UTC.
  var modified: Int64 = 0
  var accessed: Int64?
  /// Bytes that follow the header, without what fills up the last block.
  var size: UInt64 = 0
  var device: (major: UInt32, minor: UInt32) = (0, 0)
  /// Further records, in their order.
  var records: [(key: [UInt8], value: [UInt8])] = []
  /// The path of a file with holes is told by a record, and this by the header, for those who do not know holes.
  var plainPath: [UInt8]?

  /// Everything before the member's content; whole blocks.
  var encoded: [UInt8] {
    let records = allRecords
    var bytes: [UInt8] = []
    if !records.isEmpty {
      let body = records.flatMap { Self.record($0.key, $0.value) }
      var header = TarHeader(kind: .records, path: Array("PaxHeaders/".utf8) + path.suffix(80))
      header.mode = 0o644
      header.size = UInt64(body.count)
      bytes += header.block + body + Self.fill(after: UInt64(body.count))
    }
    return bytes + block
  }

  /// Zeros up to a whole block.
  static func fill(after count: UInt64) -> [UInt8] {
    let rest = Int(count % UInt64(blockSize))
    return [UInt8](repeating: 0, count: rest == 0 ? 0 : blockSize - rest)
  }

  // MARK: - Pax's records

  private var allRecords: [(key: [UInt8], value: [UInt8])] {
    var found: [(key: [UInt8], value: [UInt8])] = []
    func add(_ key: String, _ value: [UInt8]) { found.append((Array(key.utf8), value)) }
    if plainPath == nil, Self.needsRecord(path, room: 100) { add("path", path) }
    if Self.needsRecord(target, room: 100) { add("linkpath", target) }
    if Self.needsRecord(Array(user.utf8), room: 31) { add("uname", Array(user.utf8)) }
    if Self.needsRecord(Array(group.utf8), room: 31) { add("gname", Array(group.utf8)) }
    if Self.octal(UInt64(userID), 8) == nil { add("uid", Array(String(userID).utf8)) }
    if Self.octal(UInt64(groupID), 8) == nil { add("gid", Array(String(groupID).utf8)) }
    if Self.octal(size, 12) == nil { add("size", Array(String(size).utf8)) }
    if modified % 1_000_000_000 != 0 || Self.octal(UInt64(clamping: modified / 1_000_000_000), 12) == nil
      || modified < 0
    {
      add("mtime", Array(Self.decimal(modified).utf8))
    }
    if let accessed { add("atime", Array(Self.decimal(accessed).utf8)) }
    if Self.octal(UInt64(device.major), 8) == nil { add("SCHILY.devmajor", Array(String(device.major).utf8)) }
    if Self.octal(UInt64(device.minor), 8) == nil { add("SCHILY.devminor", Array(String(device.minor).utf8)) }
    // Records hold UTF-8, unless this says otherwise for those behind it.
    let isText = found.allSatisfy { String(validating: $0.value, as: UTF8.self) != nil }
    if !isText { found.insert((Array("hdrcharset".utf8), Array("BINARY".utf8)), at: 0) }
    return found + records
  }

  /// Whether a text is not as good in its field of the header: what is no ASCII has no certain meaning there, but what is not
  /// UTF-8 either is understood by more programs than a record of it.
  private static func needsRecord(_ text: [UInt8], room: Int) -> Bool {
    text.count > room
      || text.contains { $0 >= 0x80 } && String(validating: text, as: UTF8.self) != nil
  }

  /// Seconds with their fraction.
  static func decimal(_ nanoseconds: Int64) -> String {
    let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    var fraction = String(printf: ".%09d", Int(rest))
    while let shorter = fraction.before(end: "0") { fraction = shorter }
    return (nanoseconds < 0 ? "-" : "") + String(whole) + (rest == 0 ? "" : fraction)
  }

  /// `LENGTH KEY=VALUE` and a line break; the length counts its own digits.
  static func record(_ key: [UInt8], _ value: [UInt8]) -> [UInt8] {
    let rest = [UInt8(ascii: " ")] + key + [UInt8(ascii: "=")] + value + [UInt8(ascii: "\n")]
    var length = rest.count
    while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
    return Array(String(length).utf8) + rest
  }

  // MARK: - The block

  private var block: [UInt8] {
    var block: [UInt8] = []
    func add(_ bytes: [UInt8], _ room: Int) {
      block += bytes.prefix(room) + [UInt8](repeating: 0, count: max(room - bytes.count, 0))
    }
    func add(_ number: UInt64, _ room: Int) { add(Self.octal(number, room) ?? Self.octal(0, room) ?? [], room) }
    add(plainPath ?? path, 100)
    add(UInt64(mode & 0o7777), 8)
    add(UInt64(userID), 8)
    add(UInt64(groupID), 8)
    add(size, 12)
    add(UInt64(clamping: modified / 1_000_000_000), 12)
    let sumPlace = block.count..<block.count + 8
    block += [UInt8](repeating: UInt8(ascii: " "), count: 8)
    block.append(kind.rawValue)
    add(target, 100)
    block += Array("ustar\0".utf8) + Array("00".utf8)
    // With a NUL behind them.
    add(Array(user.utf8.prefix(31)), 32)
    add(Array(group.utf8.prefix(31)), 32)
    add(UInt64(device.major), 8)
    add(UInt64(device.minor), 8)
    add([], 155 + 12)
    let sum = block.reduce(0) { $0 + UInt64($1) }
    block.replaceSubrange(sumPlace, with: (Self.octal(sum, 7) ?? []) + [UInt8(ascii: " ")])
    return block
  }

  /// Octal digits that fill a field but for the NUL at its end; nil when it is too small.
  private static func octal(_ number: UInt64, _ room: Int) -> [UInt8]? {
    let digits = Array(String(number, radix: 8).utf8)
    guard digits.count < room else { return nil }
    return [UInt8](repeating: UInt8(ascii: "0"), count: room - 1 - digits.count) + digits + [0]
  }
}
