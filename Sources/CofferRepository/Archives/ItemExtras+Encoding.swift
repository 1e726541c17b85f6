import CofferSystem

// The facts of an item: each its tag (1), its length and its bytes, in the order of their tags.
extension ItemExtras {
  private enum Tag: UInt8 {
    case attribute = 1
    case flags = 2
    case accessed = 3
    case link = 4
    case extents = 5
  }

  func encode(into writer: inout ByteWriter) {
    var facts = ByteWriter()
    func add(_ tag: Tag, _ write: (inout ByteWriter) -> Void) {
      var body = ByteWriter()
      write(&body)
      facts.byte(tag.rawValue)
      facts.counted(body.bytes)
    }
    for attribute in attributes {
      add(.attribute) {
        $0.counted(attribute.name)
        $0.raw(attribute.value)
      }
    }
    if flags != 0 { add(.flags) { $0.varint(UInt64(flags)) } }
    if let accessed { add(.accessed) { $0.fixed(accessed) } }
    if let link {
      add(.link) {
        $0.varint(link.device)
        $0.varint(link.inode)
      }
    }
    if let extents { add(.extents, extents.encode) }
    writer.counted(facts.bytes)
  }

  /// - Parameter content: What the item is; its facts are to fit it.
  init(from reader: inout ByteReader, of content: ArchiveItem.Content) throws(ByteReader.Malformed) {
    self.init()
    let length = try reader.length(limit: Self.limit)
    var facts = ByteReader(try reader.raw(length))
    var last: UInt8 = 0
    while facts.remaining > 0 {
      let number = try facts.byte()
      // Only attributes come more than once.
      guard number > last || number == last && number == Tag.attribute.rawValue else { throw reader.malformed }
      last = number
      var body = ByteReader(try facts.raw(try facts.length(limit: facts.remaining)))
      guard let tag = Tag(rawValue: number) else {
        hasUnknown = true
        continue
      }
      do {
        try read(tag, from: &body, of: content)
        try body.finish()
      } catch {
        throw reader.malformed
      }
    }
  }

  private mutating func read(
    _ tag: Tag, from body: inout ByteReader, of content: ArchiveItem.Content
  ) throws(ByteReader.Malformed) {
    switch tag {
    case .attribute:
      let name = try body.counted()
      let isBehind = attributes.last.map { $0.name.lexicographicallyPrecedes(name) } ?? true
      guard isBehind, !name.isEmpty, name.count <= Self.nameLimit, !name.contains(0), body.remaining <= Self.valueLimit
      else { throw body.malformed }
      attributes.append(Attribute(name: name, value: Array(try body.raw(body.remaining))))
    case .flags:
      switch content {
      case .file, .directory: flags = UInt32(try body.length(limit: Int(UInt32.max)))
      default: throw body.malformed
      }
    case .accessed: accessed = try body.fixed(Int64.self)
    case .link:
      guard content != .directory else { throw body.malformed }
      link = LinkIdentity(device: try body.varint(), inode: try body.varint())
    case .extents:
      guard case .file(let stream) = content else { throw body.malformed }
      extents = try FileExtents(from: &body, data: stream.size)
    }
  }
}
