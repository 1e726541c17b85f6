import CSystem
import Glibc

/// What a file system answers the kernel, as the FUSE protocol has it.
public struct FuseAnswer: Sendable {
  /// Facts of a node. What is below a mount does not change: the kernel need not ask twice.
  public struct Facts: Sendable, Equatable {
    public var node: UInt64
    /// Type and permissions.
    public var mode: UInt32
    public var size: UInt64 = 0
    /// Bytes that are stored: those of a file that are no holes.
    public var dataSize: UInt64 = 0
    /// Nanoseconds since 1970 UTC.
    public var modified: Int64 = 0
    public var accessed: Int64 = 0
    public var links: UInt32 = 1
    public var userID: UInt32 = 0
    public var groupID: UInt32 = 0
    /// Of devices.
    public var device: (major: UInt32, minor: UInt32) = (0, 0)

    public init(node: UInt64, mode: UInt32) {
      self.node = node
      self.mode = mode
    }

    public static func == (left: Facts, right: Facts) -> Bool {
      withUnsafeBytes(of: left.encoded) { one in withUnsafeBytes(of: right.encoded) { one.elementsEqual($0) } }
    }

    fileprivate var encoded: fuse_attr {
      let (changed, used) = (timespec(ofNanoseconds: modified), timespec(ofNanoseconds: accessed))
      var facts = fuse_attr()
      facts.ino = node
      facts.size = size
      facts.blocks = dataSize / 512 + (dataSize % 512 == 0 ? 0 : 1)
      (facts.mtime, facts.mtimensec) = (UInt64(bitPattern: Int64(changed.tv_sec)), UInt32(changed.tv_nsec))
      (facts.ctime, facts.ctimensec) = (facts.mtime, facts.mtimensec)
      (facts.atime, facts.atimensec) = (UInt64(bitPattern: Int64(used.tv_sec)), UInt32(used.tv_nsec))
      facts.mode = mode
      facts.nlink = links
      facts.uid = userID
      facts.gid = groupID
      // As the kernel packs them in 32 bits (new_encode_dev of linux/kdev_t.h).
      facts.rdev = device.minor & 0xff | device.major << 8 | (device.minor & ~0xff) << 12
      facts.blksize = 4096
      return facts
    }
  }

  package fileprivate(set) var error: Int32 = 0
  package fileprivate(set) var body: [UInt8] = []

  /// How long the kernel may go by what it was told, in seconds: as good as for ever.
  private static let validity: UInt64 = 1 << 30
  /// Bytes of one answer to a read at most: what kernels ask for by then.
  static let pagesLimit: UInt16 = 256
  /// The protocol's version that this speaks; what came later is not asked for.
  private static let version: (major: UInt32, minor: UInt32) = (7, 31)
  /// The first minor version whose messages have the forms that they have today.
  private static let oldestMinor: UInt32 = 23

  public static let done = FuseAnswer()

  /// - Parameter code: An `errno`.
  public static func failure(_ code: Int32) -> FuseAnswer {
    var answer = FuseAnswer()
    answer.error = code
    return answer
  }

  public static func bytes(_ bytes: [UInt8]) -> FuseAnswer {
    var answer = FuseAnswer()
    answer.body = bytes
    return answer
  }

  private static func value<Value: BitwiseCopyable>(_ value: Value) -> FuseAnswer {
    bytes(withUnsafeBytes(of: value) { Array($0) })
  }

  /// The answer to `begin`.
  static func agreement(
    to version: (major: UInt32, minor: UInt32), readAhead: UInt32, abilities: UInt32, checksRights: Bool
  ) -> FuseAnswer {
    var body = fuse_init_out()
    body.major = Self.version.major
    body.minor = Self.version.minor
    // A newer kernel asks once more, in this version.
    guard version.major <= Self.version.major else { return value(body) }
    guard version.major == Self.version.major, version.minor >= oldestMinor else { return failure(EPROTO) }
    let wanted: [Int32] = [
      FUSE_ASYNC_READ, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO, FUSE_PARALLEL_DIROPS, FUSE_MAX_PAGES,
      FUSE_CACHE_SYMLINKS,
      // Permissions without the lists that narrow them would let in whom these keep out.
      checksRights ? FUSE_POSIX_ACL : 0,
    ]
    body.flags = abilities & wanted.reduce(0) { $0 | UInt32(bitPattern: $1) }
    body.max_readahead = readAhead
    body.max_background = 16
    body.congestion_threshold = 12
    body.max_write = 4096
    body.time_gran = 1
    body.max_pages = pagesLimit
    return value(body)
  }

  /// The answer to `find`.
  ///
  /// - Parameter facts: nil when there is no such name, which the kernel then remembers.
  public static func entry(_ facts: Facts?) -> FuseAnswer { value(encodedEntry(facts)) }

  private static func encodedEntry(_ facts: Facts?) -> fuse_entry_out {
    var entry = fuse_entry_out()
    entry.entry_valid = validity
    guard let facts else { return entry }
    entry.nodeid = facts.node
    entry.attr_valid = validity
    entry.attr = facts.encoded
    return entry
  }

  /// The answer to `facts`.
  public static func facts(_ facts: Facts) -> FuseAnswer {
    var body = fuse_attr_out()
    body.attr_valid = validity
    body.attr = facts.encoded
    return value(body)
  }

  /// The answer to `open` and `openFolder`: the kernel keeps what it has read of a file, and of a folder, for the next who opens
  /// it.
  public static let opened: FuseAnswer = {
    var body = fuse_open_out()
    body.open_flags = UInt32(FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR)
    return value(body)
  }()

  /// The answer to `attribute` and `attributeNames`: the size, where there is no room asked for.
  public static func attribute(_ value: [UInt8], room: Int) -> FuseAnswer {
    guard room > 0 else {
      var body = fuse_getxattr_out()
      body.size = UInt32(value.count)
      return Self.value(body)
    }
    return value.count <= room ? bytes(value) : failure(ERANGE)
  }

  /// The answer to `seek`.
  public static func position(_ offset: UInt64) -> FuseAnswer {
    var body = fuse_lseek_out()
    body.offset = offset
    return value(body)
  }

  /// The answer to `fileSystem`: nothing is free.
  public static let fileSystem: FuseAnswer = {
    var body = fuse_statfs_out()
    body.st.bsize = 4096
    body.st.frsize = 4096
    body.st.namelen = 255
    return value(body)
  }()

  /// An answer to `names` that is being filled.
  public struct Names {
    private let room: Int
    private let withFacts: Bool
    private var bytes: [UInt8] = []

    public init(room: Int, withFacts: Bool) {
      self.room = room
      self.withFacts = withFacts
    }

    public var answer: FuseAnswer { .bytes(bytes) }

    /// Adds a name.
    ///
    /// - Parameters:
    ///   - next: The place that the kernel asks for when it wants what is behind it.
    ///   - isOther: Whether it is none of the folder's own: `.` and `..`.
    /// - Returns: false when there is no room for it.
    public mutating func add(
      _ name: some Collection<UInt8>, _ facts: Facts, next: UInt64, isOther: Bool = false
    ) -> Bool {
      let entrySize = withFacts ? MemoryLayout<fuse_entry_out>.size : 0
      // Three numbers of 64 bits, the name, and what fills up the last 64 bits.
      let size = (entrySize + MemoryLayout<fuse_dirent>.size + name.count + 7) & ~7
      guard bytes.count + size <= room else { return false }
      let end = bytes.count + size
      if withFacts {
        // Without a node the kernel learns the name only.
        let entry = isOther ? fuse_entry_out() : FuseAnswer.encodedEntry(facts)
        withUnsafeBytes(of: entry) { bytes += $0 }
      }
      withUnsafeBytes(of: facts.node) { bytes += $0 }
      withUnsafeBytes(of: next) { bytes += $0 }
      withUnsafeBytes(of: UInt32(name.count)) { bytes += $0 }
      // The type, as `d_type` of readdir(3) has it.
      withUnsafeBytes(of: facts.mode >> 12 & 0xf) { bytes += $0 }
      bytes += name
      bytes += [UInt8](repeating: 0, count: end - bytes.count)
      return true
    }
  }
}

extension timespec {
  /// Rounded down, without leaving the range of numbers.
  fileprivate init(ofNanoseconds nanoseconds: Int64) {
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let before = rest < 0 ? 1 : 0
    self.init(tv_sec: Int(whole) - before, tv_nsec: Int(rest) + before * 1_000_000_000)
  }
}
