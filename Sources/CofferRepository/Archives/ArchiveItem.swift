import CofferSystem

/// One entry of an archive: something of a file system, or a database dump.
public struct ArchiveItem: Sendable, Equatable {
  /// What the item is, with what only that kind has.
  public enum Content: Sendable, Equatable {
    case directory
    case file(StreamReference)
    /// The link's target, as the file system has it.
    case symbolicLink(target: ItemPath)
    case device(isBlock: Bool, major: UInt32, minor: UInt32)
    case fifo
    case socket

    /// What is stored of a file; nil for all else.
    public var stream: StreamReference? {
      if case .file(let stream) = self { stream } else { nil }
    }
  }

  public var path: ItemPath
  public var content: Content
  /// The permission bits, up to 0o7777.
  public var mode: UInt32
  public var userID: UInt32
  public var groupID: UInt32
  /// Empty when the machine knew no name for the id.
  public var user: String
  /// Empty when the machine knew no name for the id.
  public var group: String
  /// Nanoseconds since 1970 UTC.
  public var modified: Int64
  /// Present on the item, file or directory, that is a database dump: what its writer wants to know of it again. Bytes
  /// that are kept as they are, never none.
  public var dump: [UInt8]?
  public var extras: ItemExtras {
    get { storedExtras.first ?? ItemExtras() }
    set { storedExtras = newValue == ItemExtras() ? [] : [newValue] }
  }
  /// None or one: most items of a million have none, and are as small as they can be.
  private var storedExtras: [ItemExtras] = []

  public init(
    path: ItemPath, content: Content, mode: UInt32, userID: UInt32 = 0, groupID: UInt32 = 0,
    user: String = "", group: String = "", modified: Int64, dump: [UInt8]? = nil, extras: ItemExtras = ItemExtras()
  ) {
    self.path = path
    self.content = content
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
    self.user = user
    self.group = group
    self.modified = modified
    self.dump = dump
    self.extras = extras
  }

  /// Bytes of content, holes counted; 0 for anything but a file.
  public var size: UInt64 {
    if case .file(let stream) = content { extras.extents?.size ?? stream.size } else { 0 }
  }

  /// Whether the other is the same file under another name: of the same identity, and alike in everything.
  public func isLink(to other: ArchiveItem) -> Bool {
    guard extras.link != nil else { return false }
    var renamed = other
    renamed.path = path
    return self == renamed
  }
}

/// Where a stored stream begins and how to know that it came back whole.
public struct StreamReference: Sendable, Equatable {
  /// The root node of the recipe; nil for an empty stream.
  public var root: ChunkID?
  /// How many levels of nodes stand above the leaf nodes.
  public var depth: UInt8
  /// Bytes of the stream.
  public var size: UInt64
  /// The number of chunks of the stream, repeated ones counted each time.
  public var chunkCount: UInt64
  /// The stream hash: see `StreamHasher`.
  public var hash: Digest256

  public init(root: ChunkID?, depth: UInt8, size: UInt64, chunkCount: UInt64, hash: Digest256) {
    self.root = root
    self.depth = depth
    self.size = size
    self.chunkCount = chunkCount
    self.hash = hash
  }
}
