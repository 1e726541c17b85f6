import CofferSystem

/// What of a BSON document is looked at: what mongodump's headers have, and an oplog's entries are known by (https://bsonspec.org).
struct BSONDocument: Equatable {
  enum Value: Equatable {
    case text(String)
    case number(Int64)
    case truth(Bool)
    /// Its high half are seconds since 1970.
    case timestamp(UInt64)
    /// A whole document.
    case document(ArraySlice<UInt8>)
  }

  /// Bytes of a document: 16 MiB at most, and a little for what a server adds.
  static let sizes: ClosedRange<UInt32> = 5...(17 << 20)
  /// Fields that a document has at most which is looked at as a whole: those that are have a dozen.
  private static let fieldLimit = 1000

  private(set) var fields: [String: Value] = [:]

  /// - Parameter bytes: The whole document, with its length and its final zero.
  /// - Returns: nil for what is not such a document.
  init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

  init?(_ bytes: ArraySlice<UInt8>) {
    guard var reader = BSONReader(bytes) else { return nil }
    var count = 0
    while let field = reader.next() {
      count += 1
      guard count <= Self.fieldLimit else { return nil }
      guard let value = Self.value(field) else { continue }
      fields[String(decoding: field.name, as: UTF8.self)] = value
    }
    guard !reader.isMalformed else { return nil }
  }

  /// - Returns: nil for what is passed over.
  private static func value(_ field: BSONReader.Field) -> Value? {
    switch field.kind {
    case 0x02: .text(String(decoding: field.value, as: UTF8.self))
    case BSONReader.document: .document(field.value)
    case 0x08: .truth(field.value.first != 0)
    case 0x10: .number(Int64(Int32(truncatingIfNeeded: BSONReader.integer(field.value))))
    case 0x11: .timestamp(BSONReader.integer(field.value))
    case 0x12: .number(Int64(bitPattern: BSONReader.integer(field.value)))
    default: nil
    }
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

  subscript(document name: String) -> ArraySlice<UInt8>? {
    if case .document(let bytes) = fields[name] { bytes } else { nil }
  }
}
