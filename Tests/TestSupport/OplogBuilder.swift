/// Entries of an oplog, as MongoDB 7.0 has them in `local.oplog.rs`.
public enum OplogBuilder {
  public struct Entry: Sendable {
    public let seconds: UInt32
    public let increment: UInt32
    public let bytes: [UInt8]
  }

  /// An insert of a document into `shop.ledger`.
  public static func insert(
    _ number: UInt32, _ seconds: UInt32, _ increment: UInt32, size: Int = 10, term: UInt64 = 1
  ) -> Entry {
    entry(
      "i", "shop.ledger", [.number("_id", number), .text("x", String(repeating: "x", count: size))], seconds, increment,
      term: term)
  }

  public static func entry(
    _ operation: String, _ namespace: String, _ object: [MongoDBArchiveBuilder.Field], _ seconds: UInt32,
    _ increment: UInt32, term: UInt64 = 1
  ) -> Entry {
    Entry(
      seconds: seconds, increment: increment,
      bytes: MongoDBArchiveBuilder.document([
        .text("op", operation), .text("ns", namespace), .document("o", object),
        .timestamp("ts", seconds, increment), .long("t", term), .long("v", 2),
        .date("wall", UInt64(seconds) * 1000),
      ]))
  }

  /// A whole archive of `mongodump --oplog`: one document in each collection, and entries, in blocks.
  public static func archive(_ collections: [String], _ blocks: [Entry]...) -> [UInt8] {
    var builder = MongoDBArchiveBuilder([".oplog:"] + collections)
    for collection in collections {
      builder.add(collection, [MongoDBArchiveBuilder.document([.text("name", "a document of \(collection)")])])
      builder.end(collection)
    }
    for entries in blocks { builder.add(".oplog", entries.map(\.bytes)) }
    builder.end(".oplog")
    return builder.bytes
  }
}
