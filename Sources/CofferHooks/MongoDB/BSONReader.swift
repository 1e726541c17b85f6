import CofferSystem

/// Walks through the fields of a BSON document, one behind the other, and looks into none of them (https://bsonspec.org).
struct BSONReader {
  struct Field {
    let kind: UInt8
    let name: ArraySlice<UInt8>
    /// A text without its length and its final zero; documents and arrays with both.
    let value: ArraySlice<UInt8>
  }

  /// Kinds of fields that are looked into.
  static let document: UInt8 = 0x03
  static let array: UInt8 = 0x04

  private var rest: ArraySlice<UInt8>
  /// Whether what came so far cannot be gone on with: then there are no more fields.
  private(set) var isMalformed = false

  /// The lengths of values that say none.
  private static let fixedLengths: [UInt8: Int] = [
    0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0,
  ]
  /// What others have besides as many bytes as they say: binaries a byte for their type, pointers an id, and code with a scope counts the
  /// length, too.
  private static let extras: [UInt8: Int64] = [0x05: 1, 0x0C: 12, 0x0D: 0, 0x0E: 0, 0x0F: -4]

  /// - Parameter document: The whole document, or array, with its length and its final zero.
  /// - Returns: nil for what is not such a one.
  init?(_ document: ArraySlice<UInt8>) {
    guard document.count >= 5, document.last == 0 else { return nil }
    rest = document.dropFirst(4).dropLast()
  }

  /// - Returns: nil where there are no more, or what follows is none.
  mutating func next() -> Field? {
    guard !isMalformed, let kind = rest.popFirst() else { return nil }
    guard let name = cut(), let value = value(kind) else {
      isMalformed = true
      return nil
    }
    return Field(kind: kind, name: name, value: value)
  }

  private mutating func value(_ kind: UInt8) -> ArraySlice<UInt8>? {
    if let length = Self.fixedLengths[kind] { return take(length) }
    if kind == 0x0B {
      let both = rest
      guard cut() != nil, cut() != nil else { return nil }
      return both[..<rest.startIndex]
    }
    guard rest.count >= 4 else { return nil }
    let length = Int64(Int32(truncatingIfNeeded: Self.integer(rest.prefix(4))))
    switch kind {
    case Self.document, Self.array: return length < 5 ? nil : take(Int(length))
    case 0x02: return length < 1 ? nil : take(4 + Int(length))?.dropFirst(4).dropLast()
    default:
      guard let extra = Self.extras[kind], length + extra >= 0 else { return nil }
      return take(4 + Int(length + extra))
    }
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// What is before the next zero.
  private mutating func cut() -> ArraySlice<UInt8>? {
    guard let end = rest.firstIndex(of: 0) else { return nil }
    defer { rest = rest[(end + 1)...] }
    return rest[..<end]
  }

  /// A number of up to eight bytes, the lowest first.
  static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
