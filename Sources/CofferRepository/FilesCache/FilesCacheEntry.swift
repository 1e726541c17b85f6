import CofferSystem

/// What is remembered of one file: its facts when it was read, and what was stored of it.
struct FilesCacheEntry: Equatable {
  /// Whether a time was so old when the file was read that any later change gives it another one.
  struct Settled: Equatable {
    var changed: Bool
    var modified: Bool
  }

  /// What of the extras was asked, and can be believed as long as the time of the last change is the same.
  struct Known: Equatable {
    var attributes: Bool
    var flags: Bool
  }

  let facts: FileFacts
  let isSettled: Settled
  /// For how many runs nobody has asked for it.
  var age = 0
  let stream: StreamReference
  /// Those of content, and of the rest what `known` says; never the time of the last access, nor links.
  let extras: ItemExtras
  let known: Known
  /// The packs that hold all of the stream and its recipe, by their numbers in the file.
  var packs: [UInt32] = []

  /// Whether facts, stream and holes can be those of one file.
  var isConsistent: Bool {
    if let extents = extras.extents {
      extents.size == facts.size && extents.dataSize == stream.size
    } else {
      stream.size == facts.size
    }
  }
}

// Flags (1), age, size, inode, time of the last change of the content (8) and of anything (8), stream reference, extras as
// items have them, and the numbers of packs.
extension FilesCacheEntry {
  private struct Flags: OptionSet {
    let rawValue: UInt8
    static let changedSettled = Flags(rawValue: 1)
    static let modifiedSettled = Flags(rawValue: 2)
    static let attributesKnown = Flags(rawValue: 4)
    static let flagsKnown = Flags(rawValue: 8)
  }

  private var flags: Flags {
    var flags: Flags = []
    if isSettled.changed { flags.insert(.changedSettled) }
    if isSettled.modified { flags.insert(.modifiedSettled) }
    if known.attributes { flags.insert(.attributesKnown) }
    if known.flags { flags.insert(.flagsKnown) }
    return flags
  }

  func encode(into writer: inout ByteWriter) {
    encodeFacts(into: &writer)
    Self.encode(packs, into: &writer)
  }

  static func encode(_ packs: some Collection<UInt32>, into writer: inout ByteWriter) {
    writer.varint(packs.count)
    for pack in packs { writer.varint(UInt64(pack)) }
  }

  /// All but the packs, which come last.
  func encodeFacts(into writer: inout ByteWriter) {
    writer.byte(flags.rawValue)
    writer.varint(age)
    writer.varint(facts.size)
    writer.varint(facts.inode)
    writer.fixed(facts.modified)
    writer.fixed(facts.changed)
    stream.encode(into: &writer)
    extras.encode(into: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
    let flags = Flags(rawValue: try reader.byte())
    isSettled = Settled(changed: flags.contains(.changedSettled), modified: flags.contains(.modifiedSettled))
    known = Known(attributes: flags.contains(.attributesKnown), flags: flags.contains(.flagsKnown))
    age = try reader.length(limit: Int(UInt32.max))
    facts = FileFacts(
      size: try reader.varint(), inode: try reader.varint(), modified: try reader.fixed(Int64.self),
      changed: try reader.fixed(Int64.self))
    stream = try StreamReference(from: &reader)
    extras = try ItemExtras(from: &reader, of: .file(stream))
    let count = try reader.count(elementSize: 1)
    packs.reserveCapacity(count)
    for _ in 0..<count { packs.append(UInt32(try reader.length(limit: Int(UInt32.max)))) }
  }
}
