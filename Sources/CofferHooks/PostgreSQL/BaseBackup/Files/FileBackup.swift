import CofferSystem
import Glibc

/// A base backup on its way whose files are read here, while the server is in its backup mode: the same tar archive that
/// `BaseBackupStream` makes of what a server sends, without the server's manifest.
///
/// Where the data directory can be read this saves what sending and receiving takes, which is more than all the rest of a backup of which
/// little is new.
final class FileBackup: RunningBaseBackup {
  private enum Phase {
    case files
    /// The last of the files.
    case control
    /// What belongs to them, and is known now. What is no file of the server gets the owner, rights and time of its control file.
    case end(control: TarBlock)
    case log(ServerLogFiles, control: TarBlock)
    case ended
  }

  let identity: DumpIdentity
  private let data: Folder
  private let limits: DumpLimits
  private let clock: Clock
  private let cancellation: Cancellation
  private let begun: Double
  /// nil when it was given up, or the server has ended it.
  private var mode: BackupMode?
  let versionName: String?
  private let server: ReplicatedServer
  private let start: LogSequenceNumber
  private let walk: ServerFileWalk
  private var pages: PageCheck
  private var phase = Phase.files
  private var ready: [UInt8] = []
  private var given = 0
  private var file: ServerFile?
  /// Bytes of the file that were read.
  private var position: UInt64 = 0
  private(set) var byteCount: UInt64 = 0
  private(set) var warnings: [String] = []
  private var facts: BaseBackupFacts?
  var judgement: BaseBackupFacts?

  private static let controlPath = "global/pg_control"
  /// How often what is written as a whole is read until it was not written to meanwhile.
  private static let patience = 100
  private static let controlLimit = 1 << 16

  /// Begins it.
  ///
  /// - Parameter mode: Of the server whose data directory it is.
  /// - Throws: `DumpError`; `RunCancelled`; `SystemError`.
  init(of identity: DumpIdentity, _ data: Folder, _ mode: BackupMode, context: HookContext) throws {
    self.identity = identity
    self.data = data
    self.mode = mode
    limits = context.limits
    clock = context.clock
    cancellation = context.cancellation
    begun = context.clock.steadySeconds()
    server = mode.server
    versionName = mode.versionName
    let start = try mode.start()
    self.start = start
    pages = PageCheck(start: start, pageSize: mode.pageSize, pagesInFile: mode.pagesInFile)
    walk = try ServerFileWalk(data, majorVersion: mode.serverVersion / 10_000)
  }

  // MARK: - The archive

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try cancellation.check()
    if let total = limits.total, clock.steadySeconds() > begun + total {
      throw DumpError.tookTooLong(identity, program: BaseBackupStream.title, seconds: Int(total))
    }
    var count = 0
    try BaseBackupStream.naming(identity, stall: limits.stall) {
      while count == 0 {
        if given < ready.count {
          count = min(buffer.count, ready.count - given)
          ready.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[given..<given + count]))
          }
          given += count
        } else if let file {
          count = try read(file, into: buffer)
        } else {
          guard try advance() else { return }
        }
      }
    }
    byteCount += UInt64(count)
    return count
  }

  private func put(_ bytes: [UInt8]) {
    ready = bytes
    given = 0
  }

  /// - Returns: 0 where the bytes that come next are `ready`, or the file has ended.
  private func read(_ file: ServerFile, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let left = file.size - position
    guard left > 0 else {
      self.file = nil
      put([UInt8](repeating: 0, count: TarBlock.fill(after: file.size)))
      return 0
    }
    let size = pages.pageSize
    guard server.hasChecksums, let relation = file.relation, left >= UInt64(size) else {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(Int(min(left, UInt64(buffer.count)))))
      try file.read(from: position, into: room)
      position += UInt64(room.count)
      return room.count
    }
    guard buffer.count >= size else {
      var page = [UInt8](repeating: 0, count: size)
      try page.withUnsafeMutableBytes { try read($0, of: file, relation) }
      put(page)
      return 0
    }
    let count = Int(min(left, UInt64(buffer.count))) / size * size
    try read(UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count)), of: file, relation)
    return count
  }

  /// - Parameter room: For whole pages.
  private func read(
    _ room: UnsafeMutableRawBufferPointer, of file: ServerFile, _ relation: RelationFileName
  ) throws {
    try file.read(from: position, into: room)
    try pages.check(room, of: file, relation, from: position)
    position += UInt64(room.count)
  }

  /// Goes on to the next member.
  ///
  /// - Returns: false at the end of the archive.
  private func advance() throws -> Bool {
    switch phase {
    case .files:
      switch try walk.next() {
      case .folder(let block)?: put(block.bytes)
      case .file(let block, let file)?: open(file, block)
      case nil: phase = .control
      }
    case .control: phase = .end(control: try putControlFile())
    case .end(let control): phase = .log(try end(control), control: control)
    case .log(let log, let control):
      guard let next = try log.next() else {
        put([UInt8](repeating: 0, count: 2 * TarBlock.size))
        phase = .ended
        return true
      }
      guard let block = TarBlock(Array(next.path.utf8), next.facts, size: next.size) else {
        throw ServerFileWalk.TooLong(path: next.path)
      }
      open(next, block)
      // A restored server shall not store again what is stored.
      let name = next.path.dropFirst("pg_wal/".utf8.count)
      ready = Self.member("pg_wal/archive_status/\(name).done", [], like: control) + ready
    case .ended: return false
    }
    return true
  }

  private func open(_ file: ServerFile, _ block: TarBlock) {
    put(block.bytes)
    self.file = file
    position = 0
  }

  /// A whole member that is none of the files that are read.
  private static func member(_ name: String, _ bytes: [UInt8], like other: TarBlock) -> [UInt8] {
    let block = other.file(Array(name.utf8), size: UInt64(bytes.count))
    return block.bytes + bytes + [UInt8](repeating: 0, count: TarBlock.fill(after: block.contentSize))
  }

  /// What the server writes in one go, of one such time.
  private func putControlFile() throws -> TarBlock {
    let folder = try data.folder(ClusterPlaces.control.folder)
    guard let file = try ServerFile(ClusterPlaces.control.name, in: folder, path: Self.controlPath),
      let block = TarBlock(Array(Self.controlPath.utf8), file.facts, size: file.size),
      file.size <= Self.controlLimit
    else { throw ServerFolderError.notOfServer(data.path) }
    func content() throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: Int(file.size))
      try bytes.withUnsafeMutableBytes { try file.read(from: 0, into: $0) }
      return bytes
    }
    var bytes = try content()
    for _ in 0..<Self.patience {
      let again = try content()
      if again == bytes { break }
      bytes = again
    }
    put(Self.member(Self.controlPath, bytes, like: block))
    return block
  }

  private func end(_ control: TarBlock) throws -> ServerLogFiles {
    guard let mode else {
      throw DumpError.incomplete(identity, program: BaseBackupStream.title, missing: "it was given up")
    }
    guard pages.damagedCount == 0 else {
      throw DumpError.damaged(identity, pages: pages.damaged, count: pages.damagedCount)
    }
    let end = try mode.end()
    facts = BaseBackupFacts(
      systemIdentifier: server.systemIdentifier, timeline: end.timeline, start: start, end: end.position,
      segmentSize: server.segmentSize, hasChecksums: server.hasChecksums, tablespaces: walk.tablespaces)
    guard let facts else { throw ReplicatedServer.Unintelligible(command: "pg_backup_stop") }
    warnings = mode.notices + walk.warnings
    // It keeps a place at the server that others may need.
    self.mode = nil
    let map = end.tablespaceMap.isEmpty ? [] : Self.member("tablespace_map", end.tablespaceMap, like: control)
    put(Self.member("backup_label", end.label, like: control) + map)
    return try ServerLogFiles(of: data, from: start, to: end.position, exponent: facts.exponent)
  }

  // MARK: - The end

  var whole: BaseBackupFacts? { if case .ended = phase { facts } else { nil } }

  func abandon() { mode = nil }
}
