import CofferSystem

// An item list is a stream of items one after the other, each: kind (1), path, mode, user id, group id, user, group,
// modification time (8, signed), what the kind has, a dump record, empty for all else, and of those that have more than that,
// whose kinds are larger by 16, extras.
extension ArchiveItem {
  private enum Kind: UInt8 {
    case directory = 1
    case file = 2
    case symbolicLink = 3
    case characterDevice = 4
    case blockDevice = 5
    case fifo = 6
    case socket = 7

    /// Whether there were such items before there were extras.
    var isOld: Bool { rawValue <= Self.symbolicLink.rawValue }
  }

  private static let withExtras: UInt8 = 16

  func encode(into writer: inout ByteWriter) {
    let isPlain = kind.isOld && extras.isEmpty
    writer.byte(kind.rawValue + (isPlain ? 0 : Self.withExtras))
    writer.counted(path.bytes)
    writer.varint(UInt64(mode))
    writer.varint(UInt64(userID))
    writer.varint(UInt64(groupID))
    writer.text(user)
    writer.text(group)
    writer.fixed(modified)
    switch content {
    case .directory, .fifo, .socket: break
    case .file(let stream): stream.encode(into: &writer)
    case .symbolicLink(let target): writer.counted(target.bytes)
    case .device(_, let major, let minor):
      writer.varint(UInt64(major))
      writer.varint(UInt64(minor))
    }
    writer.counted(dump ?? [])
    if !isPlain { extras.encode(into: &writer) }
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    let number = try reader.byte()
    let hasExtras = number >= Self.withExtras
    guard let kind = Kind(rawValue: hasExtras ? number - Self.withExtras : number), hasExtras || kind.isOld else {
      throw reader.malformed
    }
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
      case .characterDevice, .blockDevice:
        .device(isBlock: kind == .blockDevice, major: try Self.word(&reader), minor: try Self.word(&reader))
      case .fifo: .fifo
      case .socket: .socket
      }
    let record = try reader.counted()
    dump = record.isEmpty ? nil : record
    extras = hasExtras ? try ItemExtras(from: &reader, of: content) : ItemExtras()
  }

  private var kind: Kind {
    switch content {
    case .directory: .directory
    case .file: .file
    case .symbolicLink: .symbolicLink
    case .device(let isBlock, _, _): isBlock ? .blockDevice : .characterDevice
    case .fifo: .fifo
    case .socket: .socket
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
