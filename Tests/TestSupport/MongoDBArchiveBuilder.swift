/// Puts archives of mongodump's format together, by the book and one step at a time.
public struct MongoDBArchiveBuilder {
  public private(set) var bytes: [UInt8] = [0x6D, 0xE2, 0x99, 0x81]
  private var sums: [String: UInt64] = [:]

  public static let terminator: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]

  /// - Parameter collections: As `database.collection`, or `database.collection:type`.
  public init(_ collections: [String]) {
    bytes += Self.document([
      .number("concurrent_collections", 4), .text("version", "0.1"), .text("server_version", "7.0.5"),
      .text("tool_version", "100.9.4"),
    ])
    for collection in collections {
      let parts = collection.split(separator: ":", omittingEmptySubsequences: false)
      let (database, name) = Self.split(String(parts[0]))
      bytes += Self.document([
        .text("db", database), .text("collection", name), .text("metadata", "{\"options\":{}}"), .number("size", 0),
        .text("type", parts.count > 1 ? String(parts[1]) : "collection"),
      ])
    }
    bytes += Self.terminator
  }

  /// A whole archive with one document in each collection.
  public static func whole(_ collections: String...) -> [UInt8] {
    var builder = MongoDBArchiveBuilder(collections)
    for collection in collections {
      builder.add(collection, [document([.text("name", "a document of \(collection)")])])
      builder.end(collection)
    }
    return builder.bytes
  }

  public mutating func add(_ collection: String, _ documents: [[UInt8]]) {
    bytes += header(collection, isEnd: false, checksum: 0)
    for document in documents {
      bytes += document
      sums[collection] = Self.checksum(document, after: sums[collection] ?? 0)
    }
    bytes += Self.terminator
  }

  public mutating func end(_ collection: String, checksum: UInt64? = nil) {
    bytes += header(collection, isEnd: true, checksum: checksum ?? sums[collection] ?? 0) + Self.terminator
  }

  private func header(_ collection: String, isEnd: Bool, checksum: UInt64) -> [UInt8] {
    let (database, name) = Self.split(collection)
    return Self.document([
      .text("db", database), .text("collection", name), .truth("EOF", isEnd), .long("CRC", checksum),
    ])
  }

  public enum Field {
    case text(String, String), number(String, UInt32), long(String, UInt64), truth(String, Bool), null(String)
    case timestamp(String, UInt32, UInt32), date(String, UInt64)
    indirect case document(String, [Field])
    indirect case array(String, [[Field]])
    /// A field of any other kind, with what follows its name.
    case other(UInt8, String, [UInt8])
  }

  public static func document(_ fields: [Field]) -> [UInt8] {
    let content = fields.flatMap { field -> [UInt8] in
      switch field {
      case .text(let name, let text):
        [0x02] + Array(name.utf8) + [0] + little(UInt64(text.utf8.count + 1), 4) + Array(text.utf8) + [0]
      case .number(let name, let number): [0x10] + Array(name.utf8) + [0] + little(UInt64(number), 4)
      case .long(let name, let number): [0x12] + Array(name.utf8) + [0] + little(number, 8)
      case .truth(let name, let truth): [0x08] + Array(name.utf8) + [0, truth ? 1 : 0]
      case .null(let name): [0x0A] + Array(name.utf8) + [0]
      case .timestamp(let name, let seconds, let increment):
        [0x11] + Array(name.utf8) + [0] + little(UInt64(increment), 4) + little(UInt64(seconds), 4)
      case .date(let name, let milliseconds): [0x09] + Array(name.utf8) + [0] + little(milliseconds, 8)
      case .document(let name, let fields): [0x03] + Array(name.utf8) + [0] + document(fields)
      case .array(let name, let documents):
        [0x04] + Array(name.utf8) + [0]
          + document(documents.enumerated().map { .document(String($0.offset), $0.element) })
      case .other(let kind, let name, let value): [kind] + Array(name.utf8) + [0] + value
      }
    }
    return little(UInt64(content.count + 5), 4) + content + [0]
  }

  private static func little(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func split(_ collection: String) -> (String, String) {
    let parts = collection.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return (parts[0], parts[1])
  }

  /// CRC-64 bit by bit, as its definition has it.
  public static func checksum(_ bytes: [UInt8], after sum: UInt64 = 0) -> UInt64 {
    var register = ~sum
    for byte in bytes {
      register ^= UInt64(byte)
      for _ in 0..<8 { register = register & 1 == 1 ? (register >> 1) ^ 0xC96C_5795_D787_0F42 : register >> 1 }
    }
    return ~register
  }
}
