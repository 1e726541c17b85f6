import CofferSystem

/// What only some items have.
public struct ItemExtras: Sendable, Equatable {
  /// An extended attribute (xattr(7)); access control lists and capabilities are such, too.
  public struct Attribute: Sendable, Equatable {
    /// With its namespace, for example `user.comment`.
    public let name: [UInt8]
    public let value: [UInt8]

    public init(name: [UInt8], value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// Which file it was that had several names.
  public struct LinkIdentity: Sendable, Hashable {
    public let device: UInt64
    public let inode: UInt64

    public init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }
  }

  /// In the order of their names, no name twice.
  public var attributes: [Attribute]
  /// As FS_IOC_GETFLAGS has them; 0 for none.
  public var flags: UInt32
  /// Nanoseconds since 1970 UTC.
  public var accessed: Int64?
  public var link: LinkIdentity?
  /// Of a file with holes: the item's stream has its stretches of data only.
  public var extents: FileExtents?
  /// Whether the archive has more of the item than this version knows.
  public internal(set) var hasUnknown = false

  public init(
    attributes: [Attribute] = [], flags: UInt32 = 0, accessed: Int64? = nil, link: LinkIdentity? = nil,
    extents: FileExtents? = nil
  ) {
    self.attributes = attributes
    self.flags = flags
    self.accessed = accessed
    self.link = link
    self.extents = extents
  }

  var isEmpty: Bool {
    attributes.isEmpty && flags == 0 && accessed == nil && link == nil && extents == nil
  }

  /// Bytes of a name at most: XATTR_NAME_MAX of linux/limits.h.
  static let nameLimit = 255
  /// Bytes of a value at most: XATTR_SIZE_MAX of linux/limits.h.
  static let valueLimit = 65_536
  /// Bytes of everything at most.
  static let limit = 32 << 20
  /// Bytes of names and values that an item may have.
  public static let attributeLimit = 16 << 20
}

/// Where in a file there is data; all the rest are holes, which read as zeros.
public struct FileExtents: Sendable, Equatable {
  /// A hole and the data behind it.
  public struct Stretch: Sendable, Equatable {
    public let hole: UInt64
    public internal(set) var data: UInt64
  }

  /// Stretches at most; a file has no more holes than that in an archive.
  public static let limit = 1 << 20

  /// Bytes of the file.
  public private(set) var size: UInt64 = 0
  public private(set) var stretches: [Stretch] = []

  public init() {}

  /// Whether no hole may follow.
  public var isFull: Bool { stretches.count >= Self.limit - 1 }

  /// Bytes of all stretches of data.
  public var dataSize: UInt64 { stretches.reduce(0) { $0 + $1.data } }

  /// Adds data at the end, behind a hole.
  public mutating func append(hole: UInt64, data: UInt64) {
    // What has holes on both sides, or none, is one hole, or one stretch.
    let gap = size - end + hole
    size += hole + data
    guard data > 0 else { return }
    if gap == 0, let last = stretches.indices.last {
      stretches[last].data += data
    } else {
      stretches.append(Stretch(hole: gap, data: data))
    }
    end = size
  }

  /// Behind the last data.
  private var end: UInt64 = 0
}

// Size, then for each stretch its hole and its data.
extension FileExtents {
  func encode(into writer: inout ByteWriter) {
    writer.varint(size)
    for stretch in stretches {
      writer.varint(stretch.hole)
      writer.varint(stretch.data)
    }
  }

  /// - Parameter data: Bytes of the file's stream.
  init(from reader: inout ByteReader, data: UInt64) throws(ByteReader.Malformed) {
    let whole = try reader.varint()
    guard PlausibleNumbers.isSize(whole) else { throw reader.malformed }
    var (rest, left) = (whole, data)
    while reader.remaining > 0 {
      let hole = try reader.varint()
      let length = try reader.varint()
      guard length > 0, length <= left, hole <= rest, length <= rest - hole, stretches.count < Self.limit,
        hole > 0 || stretches.isEmpty
      else { throw reader.malformed }
      left -= length
      rest -= hole + length
      append(hole: hole, data: length)
    }
    guard left == 0 else { throw reader.malformed }
    append(hole: rest, data: 0)
  }
}
