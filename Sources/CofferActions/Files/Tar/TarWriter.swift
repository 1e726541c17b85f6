import CofferRepository
import CofferSystem

/// Writes items as a tar archive of the pax format, one after the other.
///
/// Holes are kept as GNU tar does in its sparse format 1.0: a file's content then begins with a map of where its data
/// belongs. Attributes are records `SCHILY.xattr.NAME`, access control lists `SCHILY.acl.access` and `.default`. Sockets and
/// file flags (`chattr`) are what tar has no place for.
final class TarWriter {
  private let sink: any ByteSink
  private var position: UInt64 = 0
  /// Files of several names, and the paths that they were written under first.
  private var linked: FirstNames
  /// Which of them were written at which path last, by hashes of paths.
  private var owners: [Int: ItemExtras.LinkIdentity] = [:]

  private static let accessLists: [[UInt8]: String] = [
    Array("system.posix_acl_access".utf8): "SCHILY.acl.access",
    Array("system.posix_acl_default".utf8): "SCHILY.acl.default",
  ]
  /// Blocks of a record, which archives are filled up to: what tape drives wanted, and some programs still expect.
  private static let recordSize: UInt64 = 20 * 512

  /// - Parameter held: What is counted in what is remembered of items; nil where nobody counts.
  init(_ sink: any ByteSink, held: HeldItems? = nil) {
    self.sink = sink
    linked = FirstNames(held)
  }

  /// Whether an item is another name of what was written, so that its content is not wanted.
  func hasWritten(_ item: ArchiveItem) -> Bool { linked.first(of: item) != nil }

  /// Writes one item, which is no socket.
  ///
  /// - Parameters:
  ///   - path: Inside the tar archive, without a slash at its end.
  ///   - content: Writes a file's bytes, without its holes, into the sink.
  func add(_ item: ArchiveItem, at path: [UInt8], content: (any ByteSink) throws -> Void) throws {
    if let first = linked.first(of: item).map({ Array($0.path) }) {
      var header = header(of: item, .hardLink, at: path)
      header.target = first
      if path != first { forget(path) }
      return try write(header.encoded)
    }
    forget(path)
    switch item.content {
    case .directory: try write(header(of: item, .folder, at: path + [UInt8(ascii: "/")]).encoded)
    case .symbolicLink(let target):
      var header = header(of: item, .symbolicLink, at: path)
      header.target = target.bytes
      try write(header.encoded)
    case .device(let isBlock, let major, let minor):
      var header = header(of: item, isBlock ? .blockDevice : .characterDevice, at: path)
      header.device = (major, minor)
      try write(header.encoded)
    case .fifo: try write(header(of: item, .fifo, at: path).encoded)
    case .socket: return
    case .file(let stream): try addFile(item, stream.size, at: path, content)
    }
    guard let link = item.extras.link else { return }
    try linked.add(item, at: path)
    owners[path.hashValue] = link
  }

  /// What was written at a path is replaced by what comes now: nothing is another name of it any more.
  private func forget(_ path: [UInt8]) {
    if let old = owners.removeValue(forKey: path.hashValue) { linked.forget(old, at: path) }
  }

  /// Ends the archive.
  func finish() throws {
    // Two blocks of zeros, and more up to a whole record.
    let end = position + 1024
    let rest = end % Self.recordSize
    try write([UInt8](repeating: 0, count: 1024 + Int(rest == 0 ? 0 : Self.recordSize - rest)))
  }

  private func addFile(
    _ item: ArchiveItem, _ size: UInt64, at path: [UInt8], _ content: (any ByteSink) throws -> Void
  ) throws {
    var header = header(of: item, .file, at: path)
    header.size = size
    var map: [UInt8] = []
    if let extents = item.extras.extents {
      map = Self.map(of: extents)
      header.size += UInt64(map.count)
      header.plainPath = Self.pathBesideHoles(path)
      let facts: [(String, [UInt8])] = [
        ("GNU.sparse.major", Array("1".utf8)), ("GNU.sparse.minor", Array("0".utf8)), ("GNU.sparse.name", path),
        ("GNU.sparse.realsize", Array(String(extents.size).utf8)),
      ]
      header.records = facts.map { (key: Array($0.utf8), value: $1) } + header.records
    }
    try write(header.encoded + map)
    let body = Body(self, left: size)
    try content(body)
    // The reader of a stream has said that it was whole.
    guard body.left == 0 else { throw SystemError(call: "write", subject: item.path.text, code: Self.otherSize) }
    try write(TarHeader.fill(after: header.size))
  }

  /// EFBIG of asm-generic/errno-base.h: content is not as long as its header says.
  private static let otherSize: Int32 = 27

  /// What follows a file's header, of a length that is known.
  private final class Body: ByteSink {
    private let writer: TarWriter
    private(set) var left: UInt64

    init(_ writer: TarWriter, left: UInt64) {
      self.writer = writer
      self.left = left
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
      guard UInt64(bytes.count) <= left else {
        throw SystemError(call: "write", subject: "tar archive", code: TarWriter.otherSize)
      }
      left -= UInt64(bytes.count)
      try writer.write(bytes)
    }
  }

  private func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    try sink.write(bytes)
    position += UInt64(bytes.count)
  }

  // MARK: - Facts

  private func header(of item: ArchiveItem, _ kind: TarHeader.Kind, at path: [UInt8]) -> TarHeader {
    var header = TarHeader(kind: kind, path: path)
    header.mode = item.mode
    header.userID = item.userID
    header.groupID = item.groupID
    header.user = item.user
    header.group = item.group
    header.modified = item.modified
    header.accessed = item.extras.accessed
    // Another name says nothing of the file that its first name has not said.
    if kind != .hardLink { header.records = item.extras.attributes.map(Self.record) }
    return header
  }

  private static func record(_ attribute: ItemExtras.Attribute) -> (key: [UInt8], value: [UInt8]) {
    if let key = accessLists[attribute.name], let text = AccessListText.text(attribute.value) {
      return (Array(key.utf8), Array(text.utf8))
    }
    // As GNU tar does: a key ends at the first `=`.
    let name = attribute.name.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "%"): Array("%25".utf8)
      case UInt8(ascii: "="): Array("%3D".utf8)
      default: [byte]
      }
    }
    return (Array("SCHILY.xattr.".utf8) + name, attribute.value)
  }

  /// How many stretches of data there are, then of each where it begins and its length, in decimal, a line each; whole blocks.
  private static func map(of extents: FileExtents) -> [UInt8] {
    var numbers: [UInt64] = []
    var end: UInt64 = 0
    for stretch in extents.stretches {
      numbers += [end + stretch.hole, stretch.data]
      end += stretch.hole + stretch.data
    }
    // A hole at the end is told by a stretch of nothing behind it.
    if end < extents.size || numbers.isEmpty { numbers += [extents.size, 0] }
    var map: [UInt8] = []
    for number in [UInt64(numbers.count / 2)] + numbers { map += Array(String(number).utf8) + [UInt8(ascii: "\n")] }
    return map + TarHeader.fill(after: UInt64(map.count))
  }

  /// The path that programs which do not know holes write to.
  private static func pathBesideHoles(_ path: [UInt8]) -> [UInt8] {
    let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let name = parts.last.map(Array.init) ?? []
    return Array("GNUSparseFile.0/".utf8) + name.prefix(80)
  }
}
