import CofferSystem

// An item list is a stream of items one after the other, each: kind (1), path, mode, user id, group id, user, group,
// modification time (8, signed), what the kind has, and a dump record, empty for all else.
extension ArchiveItem {
  private enum Kind: UInt8 {
    case directory = 1
    case file = 2
    case symbolicLink = 3
  }

  func encode(into writer: inout ByteWriter) {
    writer.byte(kind.rawValue)
    writer.counted(path.bytes)
    writer.varint(UInt64(mode))
    writer.varint(UInt64(userID))
    writer.varint(UInt64(groupID))
    writer.text(user)
    writer.text(group)
    writer.fixed(modified)
    switch content {
    case .directory: break
    case .file(let stream): stream.encode(into: &writer)
    case .symbolicLink(let target): writer.counted(target.bytes)
    }
    writer.counted(dump ?? [])
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    guard let kind = Kind(rawValue: try reader.byte()) else { throw reader.malformed }
    path = ItemPath(bytes: try reader.counted())
    mode = try Self.word(&reader)
    userID = try Self.word(&reader)
    groupID = try Self.word(&reader)
    user = try reader.text()
    group = try reader.text()
    modified = try reader.fixed(Int64.self)
    content =
      switch kind {
      case .directory: .directory
      case .file: .file(try StreamReference(from: &reader))
      case .symbolicLink: .symbolicLink(target: ItemPath(bytes: try reader.counted()))
      }
    let record = try reader.counted()
    dump = record.isEmpty ? nil : record
  }

  private var kind: Kind {
    switch content {
    case .directory: .directory
    case .file: .file
    case .symbolicLink: .symbolicLink
    }
  }

  private static func word(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> UInt32 {
    UInt32(try reader.length(limit: Int(UInt32.max)))
  }
}

// A stream reference: size, number of chunks, stream hash (32), depth (1), and unless the stream is empty the id of
// the root node (16).
extension StreamReference {
  func encode(into writer: inout ByteWriter) {
    writer.varint(size)
    writer.varint(chunkCount)
    writer.digest(hash)
    writer.byte(depth)
    if let root { writer.id(root) }
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    size = try reader.varint()
    chunkCount = try reader.varint()
    // No chunk is empty, and every number that is made of sizes has room for many such streams.
    guard PlausibleNumbers.isSize(size), chunkCount <= size else { throw reader.malformed }
    hash = try reader.digest()
    depth = try reader.byte()
    root = chunkCount > 0 ? try reader.id() : nil
  }
}
