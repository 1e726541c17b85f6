import CofferSystem

/// What of a BSON document is looked at: what mongodump's headers have, and an oplog's entries are known by (https://bsonspec.org).
struct BSONDocument: Equatable {
  enum Value: Equatable {
    case text(String)
    case number(Int64)
    case truth(Bool)
    /// Its high half are seconds since 1970.
    case timestamp(UInt64)
    /// A document, of which only the name of the first field is looked at; nil for one without any.
    case document(first: String?)
  }

  /// Bytes of a document: 16 MiB at most, and a little for what a server adds.
  static let sizes: ClosedRange<UInt32> = 5...(17 << 20)

  private(set) var fields: [String: Value] = [:]

  /// The lengths of values that are passed over.
  private static let fixedLengths: [UInt8: Int] = [
    0x01: 8, 0x06: 0, 0x07: 12, 0x09: 8, 0x0A: 0, 0x13: 16, 0x7F: 0, 0xFF: 0,
  ]

  /// - Parameter bytes: The whole document, with its length and its final zero.
  /// - Returns: nil for what is not such a document.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 5, bytes.last == 0 else { return nil }
    var rest = bytes[4..<(bytes.count - 1)]
    while let kind = rest.popFirst() {
      guard let end = rest.firstIndex(of: 0) else { return nil }
      let name = String(decoding: rest[..<end], as: UTF8.self)
      rest = rest[(end + 1)...]
      switch kind {
      case 0x02:
        guard let length = Self.integer(&rest, bytes: 4), length >= 1, length <= rest.count else { return nil }
        fields[name] = .text(String(decoding: rest.prefix(Int(length) - 1), as: UTF8.self))
        rest = rest.dropFirst(Int(length))
      case 0x08:
        guard let truth = rest.popFirst() else { return nil }
        fields[name] = .truth(truth != 0)
      case 0x03:
        guard let length = Self.integer(&rest, bytes: 4), length >= 5, length - 4 <= rest.count else { return nil }
        fields[name] = .document(first: Self.firstName(in: rest.prefix(Int(length) - 4)))
        rest = rest.dropFirst(Int(length) - 4)
      case 0x11:
        guard let number = Self.integer(&rest, bytes: 8) else { return nil }
        fields[name] = .timestamp(UInt64(bitPattern: number))
      case 0x10, 0x12:
        guard let number = Self.integer(&rest, bytes: kind == 0x10 ? 4 : 8) else { return nil }
        fields[name] = .number(number)
      default:
        guard let length = Self.length(of: kind, &rest), length <= rest.count else { return nil }
        rest = rest.dropFirst(length)
      }
    }
  }

  /// How many bytes a value that is passed over has left.
  private static func length(of kind: UInt8, _ rest: inout ArraySlice<UInt8>) -> Int? {
    if let length = fixedLengths[kind] { return length }
    // Arrays count their own length, binaries have a byte for their type.
    let extra: [UInt8: Int64] = [0x04: -4, 0x05: 1]
    guard let extra = extra[kind], let length = integer(&rest, bytes: 4), length + extra >= 0 else { return nil }
    return Int(length + extra)
  }

  /// - Parameter body: A document behind its length.
  private static func firstName(in body: ArraySlice<UInt8>) -> String? {
    guard body.count > 1 else { return nil }
    return String(decoding: body.dropFirst().prefix { $0 != 0 }, as: UTF8.self)
  }

  subscript(text name: String) -> String? {
    if case .text(let text) = fields[name] { text } else { nil }
  }

  subscript(number name: String) -> Int64? {
    if case .number(let number) = fields[name] { number } else { nil }
  }

  subscript(truth name: String) -> Bool? {
    if case .truth(let truth) = fields[name] { truth } else { nil }
  }

  subscript(timestamp name: String) -> UInt64? {
    if case .timestamp(let timestamp) = fields[name] { timestamp } else { nil }
  }

  /// The name of the first field of a document in it.
  subscript(firstOf name: String) -> String? {
    if case .document(let first) = fields[name] { first } else { nil }
  }

  private static func integer(_ rest: inout ArraySlice<UInt8>, bytes: Int) -> Int64? {
    guard rest.count >= bytes else { return nil }
    let pattern = rest.prefix(bytes).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(bytes)
    return bytes == 4 ? Int64(Int32(truncatingIfNeeded: pattern)) : Int64(bitPattern: pattern)
  }
}
