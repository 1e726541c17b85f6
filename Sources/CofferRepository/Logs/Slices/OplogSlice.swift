import CofferSystem

/// Entries of a MongoDB oplog that follow each other: a segment of its log.
///
/// It begins with the entry with which the slice before it ends: that this one is there twice shows that nothing is missing between them.
public struct OplogSlice: LogSlice, Equatable {
  public let first: OplogMark
  public let last: OplogMark
  /// BSON documents, one behind the other, as the server has them.
  public let entries: [UInt8]

  /// Bytes of entries at most, unless the one that is there twice and one more have more.
  public static let size = 16 << 20
  public static let logTitle = "an oplog"

  public static let storedLimit = sizeLimit + headSize

  private static let sizeLimit = 64 << 20
  private static let headSize = 57
  private static let magic = Array("COFFEROL".utf8)
  private static let version: UInt8 = 1

  /// - Returns: nil for what no slice can hold.
  public init?(first: OplogMark, last: OplogMark, entries: [UInt8]) {
    guard !entries.isEmpty, entries.count <= Self.sizeLimit, first == last || first.time < last.time else { return nil }
    self.first = first
    self.last = last
    self.entries = entries
  }

  public func follows(_ other: OplogSlice) -> Bool { first == other.last }
}

extension OplogSlice {
  /// As it is stored.
  public var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.reserve(entries.count + Self.headSize)
    writer.raw(Self.magic)
    writer.byte(Self.version)
    for mark in [first, last] {
      writer.fixed(mark.time.seconds)
      writer.fixed(mark.time.increment)
      writer.fixed(mark.term)
      writer.fixed(mark.sum)
    }
    writer.raw(entries)
    return writer.bytes
  }

  /// Reads what `encoded` has written.
  ///
  /// - Throws: `MalformedSlice`.
  public init(decoding bytes: UnsafeRawBufferPointer) throws(MalformedSlice) {
    self = try Self.read(bytes, magic: Self.magic, version: Self.version) { reader in
      let (first, last) = (try Self.mark(&reader), try Self.mark(&reader))
      return OplogSlice(first: first, last: last, entries: Array(try reader.raw(reader.remaining)))
    }
  }

  private static func mark(_ reader: inout ByteReader) throws -> OplogMark {
    let time = OplogTime(seconds: try reader.fixed(UInt32.self), increment: try reader.fixed(UInt32.self))
    return OplogMark(time: time, term: try reader.fixed(Int64.self), sum: try reader.fixed(UInt64.self))
  }
}
