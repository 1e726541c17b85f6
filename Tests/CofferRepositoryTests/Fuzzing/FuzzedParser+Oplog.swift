import CofferSystem

@testable import CofferHooks

/// What comes of MongoDB's oplogs, and what is put into archives of mongodump. The first byte says in what pieces the others come.
extension FuzzedParser {
  func oplogSeeds() throws -> [[UInt8]] {
    if self == .oplog { return [[7] + Self.command(1) + Self.command(2)] }
    let plain = MongoDBArchive.empty(serverVersion: "7.0.5", hasOplog: true)
    var filled: [UInt8] = []
    var splice = OplogSplice { take in try Self.command(1).withUnsafeBytes { try take($0) } }
    try plain.withUnsafeBytes { try splice.feed($0) { filled += $0 } }
    return [[255] + plain, [9] + filled]
  }

  func takeOplogBytes(_ bytes: [UInt8]) throws {
    guard let size = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    let pieces = stride(from: 0, to: rest.count, by: max(Int(size), 1)).map { start in
      rest[start..<min(start + max(Int(size), 1), rest.count)]
    }
    if self == .oplog { try readOplog(pieces, of: rest) } else { try splice(pieces) }
  }

  private func readOplog(_ pieces: [ArraySlice<UInt8>], of whole: [UInt8]) throws {
    var parser = OplogParser()
    var read: [UInt8] = []
    var last: OplogTime?
    for piece in pieces {
      piece.withUnsafeBytes { parser.append($0) }
      while let item = try parser.next() {
        precondition(last.map { $0 < item.entry.mark.time } ?? true)
        last = item.entry.mark.time
        _ = item.entry.effect
        read += item.bytes
      }
    }
    precondition(whole.starts(with: read) && parser.isAtBoundary == (read.count == whole.count))
  }

  private func splice(_ pieces: [ArraySlice<UInt8>]) throws {
    var (archive, spliced) = (MongoDBArchive(), MongoDBArchive())
    var splice = OplogSplice { take in try Self.command(3).withUnsafeBytes { try take($0) } }
    var isMalformed = false
    for piece in pieces {
      piece.withUnsafeBytes { archive.feed($0) }
      guard !isMalformed else { continue }
      do {
        try piece.withUnsafeBytes { try splice.feed($0) { spliced.feed($0) } }
      } catch is OplogSplice.Malformed {
        isMalformed = true
      }
    }
    guard archive.missing == nil, !archive.isCompressed else { return }
    // What is whole is so with more behind it, too.
    precondition(!isMalformed && spliced.missing == nil && (splice.isDone || archive.oplogPlace == nil))
  }

  /// An entry that has a collection made within `applyOps`.
  private static func command(_ increment: UInt32) -> [UInt8] {
    let command: [(UInt8, String, [UInt8])] = [(0x02, "op", text("c")), (0x02, "ns", text("a.$cmd"))]
    let create = document(command + [(0x03, "o", document([(0x02, "create", text("b"))]))])
    let several = document([(0x04, "applyOps", document([(0x03, "0", create)]))])
    return document(
      command + [
        (0x03, "o", several), (0x11, "ts", BSONWriter.little(increment) + BSONWriter.little(7 as UInt32)),
        (0x12, "t", BSONWriter.little(1 as Int64)),
      ])
  }

  private static func document(_ fields: [(UInt8, String, [UInt8])]) -> [UInt8] {
    let content = fields.flatMap { kind, name, value -> [UInt8] in [kind] + Array(name.utf8) + [0] + value }
    return BSONWriter.little(UInt32(content.count + 5)) + content + [0]
  }

  private static func text(_ text: String) -> [UInt8] {
    BSONWriter.little(UInt32(text.utf8.count + 1)) + Array(text.utf8) + [0]
  }
}
