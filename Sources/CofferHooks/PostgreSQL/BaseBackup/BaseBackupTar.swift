import CofferSystem

/// Makes one tar archive of those that a server sends: one for each tablespace, the data directory's last, and the manifest.
///
/// A value without a connection: it is told what came, and says what goes out.
struct BaseBackupTar {
  /// What the server sent is no archive, or none that is whole.
  struct Malformed: Error, Equatable {
    let problem: String
  }

  private enum State {
    /// No archive is open.
    case between
    /// In the block before a member.
    case header([UInt8])
    /// In a member's content and what fills up its last block.
    case content(left: UInt64)
    /// Behind the last member: blocks of zeros.
    case tail
  }

  private var state = State.between
  /// Of the archive's members; empty for the data directory's.
  private var folder: [UInt8] = []
  /// Like which the manifest is made.
  private var lastFile: TarBlock?
  /// Whether the data directory's archive has begun.
  private(set) var hasBase = false

  static let manifestName = "backup_manifest"

  /// What members of a tablespace are below.
  static func folder(of tablespace: UInt32) -> [UInt8] { Array("pg_tblspc/\(tablespace)".utf8) }

  /// Begins an archive.
  ///
  /// - Parameter tablespace: nil for the data directory's.
  mutating func begin(_ tablespace: UInt32?) throws(Malformed) {
    try end()
    guard !hasBase else { throw Malformed(problem: "the server sent more behind the data directory") }
    hasBase = tablespace == nil
    folder = tablespace.map { Self.folder(of: $0) } ?? []
    state = .header([])
  }

  /// Takes bytes of the archive.
  ///
  /// - Parameter give: Is given what goes out, in pieces.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void) throws(Malformed) {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch state {
      case .between: throw Malformed(problem: "the server sent bytes of no archive")
      case .header(var block):
        let count = min(TarBlock.size - block.count, rest.count)
        block += rest.prefix(count)
        rest = rest.dropFirst(count)
        state = .header(block)
        if block.count == TarBlock.size { try open(block, give) }
      case .content(let left):
        let count = Int(min(left, UInt64(rest.count)))
        give(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
        rest = rest.dropFirst(count)
        state = left == UInt64(count) ? .header([]) : .content(left: left - UInt64(count))
      case .tail:
        guard rest.allSatisfy({ $0 == 0 }) else { throw Malformed(problem: "bytes follow an archive's end") }
        return
      }
    }
  }

  private mutating func open(_ bytes: [UInt8], _ give: (UnsafeRawBufferPointer) -> Void) throws(Malformed) {
    guard bytes.contains(where: { $0 != 0 }) else {
      state = .tail
      return
    }
    guard let block = TarBlock(bytes), let named = folder.isEmpty ? block : block.inFolder(folder) else {
      throw Malformed(problem: "the server sent what is no header of a member")
    }
    if block.isFile { lastFile = block }
    named.bytes.withUnsafeBytes(give)
    let size = block.isFile ? block.contentSize : 0
    let whole = size + UInt64(TarBlock.fill(after: size))
    state = whole == 0 ? .header([]) : .content(left: whole)
  }

  /// Ends the archive, which servers before 15 do without blocks of zeros.
  mutating func end() throws(Malformed) {
    switch state {
    case .between, .tail: break
    case .header(let bytes) where bytes.isEmpty: break
    case .header, .content: throw Malformed(problem: "an archive ends within a member")
    }
    state = .between
  }

  /// What is before the content of the manifest.
  ///
  /// - Throws: `Malformed` where the data directory is not complete.
  mutating func manifestHeader(size: UInt64) throws(Malformed) -> [UInt8] {
    try end()
    guard hasBase, let lastFile else { throw Malformed(problem: "the server sent no data directory") }
    return lastFile.file(Array(Self.manifestName.utf8), size: size).bytes
  }

  /// The end of it all.
  ///
  /// - Throws: `Malformed` where the data directory is not complete.
  mutating func close() throws(Malformed) -> [UInt8] {
    try end()
    guard hasBase, lastFile != nil else { throw Malformed(problem: "the server sent no data directory") }
    return [UInt8](repeating: 0, count: 2 * TarBlock.size)
  }
}
