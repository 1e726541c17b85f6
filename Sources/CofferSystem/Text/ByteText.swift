/// Comparing, searching and cutting text by its bytes in UTF-8.
///
/// What comes from a database, a file, a network or another program is read by those programs byte by byte. Swift's own
/// functions work on Characters: to them a quote with a combining mark behind it is no quote, and CR LF is one line
/// break that is equal to neither. Signs to look for are whole scalars, so text that is cut at them stays well-formed.
extension StringProtocol {
  /// Whether both hold the same bytes.
  public func isSame(as other: some StringProtocol) -> Bool {
    utf8.elementsEqual(other.utf8)
  }

  public func begins(with beginning: some StringProtocol) -> Bool {
    utf8.starts(with: beginning.utf8)
  }

  public func ends(with end: some StringProtocol) -> Bool {
    utf8.count >= end.utf8.count && utf8.suffix(end.utf8.count).elementsEqual(end.utf8)
  }

  /// Whether the sign occurs; an empty one occurs everywhere.
  public func holds(_ sign: some StringProtocol) -> Bool {
    sign.utf8.isEmpty || ByteSearch(sign.utf8).first(in: Array(utf8), from: 0) != nil
  }

  /// Cuts the text at every separator.
  ///
  /// - Parameters:
  ///   - separator: Not empty.
  ///   - limit: How many parts there are at most; the last one has the rest.
  ///   - keepingEmpty: Whether parts without anything in them count.
  public func parts(by separator: String, limit: Int = .max, keepingEmpty: Bool = true) -> [String] {
    let bytes = Array(utf8)
    let search = ByteSearch(separator.utf8)
    var parts: [String] = []
    var start = 0
    while parts.count < limit - 1, let found = search.first(in: bytes, from: start) {
      if keepingEmpty || found > start { parts.append(String(decoding: bytes[start..<found], as: UTF8.self)) }
      start = found + search.sign.count
    }
    if keepingEmpty || start < bytes.count { parts.append(String(decoding: bytes[start...], as: UTF8.self)) }
    return parts
  }

  /// The text with another one in place of a sign, wherever it stands.
  ///
  /// - Parameter sign: Not empty.
  public func swapping(_ sign: String, for replacement: String) -> String {
    parts(by: sign).joined(separator: replacement)
  }

  /// The text without the beginning; nil when it does not begin like this.
  public func after(beginning: String) -> String? {
    begins(with: beginning) ? String(decoding: utf8.dropFirst(beginning.utf8.count), as: UTF8.self) : nil
  }

  /// The text without the end; nil when it does not end like this.
  public func before(end: String) -> String? {
    ends(with: end) ? String(decoding: utf8.dropLast(end.utf8.count), as: UTF8.self) : nil
  }

  /// The lines, which LF, CR or both end; without their ends.
  public func lines(keepingEmpty: Bool = false) -> [String] {
    var lines: [String] = []
    var line: [UInt8] = []
    var last: UInt8?
    func end() {
      if keepingEmpty || !line.isEmpty { lines.append(String(decoding: line, as: UTF8.self)) }
      line.removeAll()
    }
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "\n") where last == UInt8(ascii: "\r"): break
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"): end()
      default: line.append(byte)
      }
      last = byte
    }
    if !line.isEmpty { end() }
    return lines
  }

  /// The words between ASCII white space.
  public var words: [String] {
    utf8.split(whereSeparator: \.isBlank).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The text without ASCII white space at both ends.
  public var trimmed: String {
    let rest = Array(utf8.drop(while: \.isBlank))
    let end = rest.lastIndex { !$0.isBlank }.map { $0 + 1 } ?? 0
    return String(decoding: rest[..<end], as: UTF8.self)
  }
}

extension UInt8 {
  /// Whether the byte is white space of ASCII: blank, tab, LF, VT, FF or CR.
  public var isBlank: Bool { self == 0x20 || (0x09...0x0d).contains(self) }
}

/// A sequence of bytes to look for.
struct ByteSearch {
  let sign: [UInt8]

  init(_ sign: some Sequence<UInt8>) {
    self.sign = Array(sign)
  }

  /// Where the sign stands first, from a position on; an empty one stands nowhere.
  func first(in bytes: [UInt8], from start: Int) -> Int? {
    guard let lead = sign.first, bytes.count >= sign.count else { return nil }
    let last = bytes.count - sign.count
    var position = start
    while position <= last {
      if bytes[position] == lead, bytes[position..<position + sign.count].elementsEqual(sign) { return position }
      position += 1
    }
    return nil
  }
}
