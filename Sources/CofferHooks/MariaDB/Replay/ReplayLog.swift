import CofferSystem
import Glibc

/// The part of a server's log that is replayed, laid down as files that a server of its own reads as a replica reads what it has received.
///
/// Nothing of it goes through a client, which could read anybody's text in it as commands.
public final class ReplayLog {
  /// What one of the files has up to some place.
  struct Place: Hashable {
    /// Counted from 1.
    let file: Int
    /// Bytes of it.
    let offset: UInt64
  }

  private let folder: Folder
  private let owner: ServerOwner?
  private var walk: ReplayWalk
  private let dialect: MariaDBDialect
  private let target: ReplayTarget
  private var gtids: ReplayPosition
  /// Whether all of a server is replayed, on a physical backup.
  private let isWhole: Bool
  /// Of the backup, when the log has come to it.
  private var backup: DumpLogPlace?
  /// What the last piece was of; empty before the first.
  private var file = ""
  /// Where in the file the next event begins.
  private var position: UInt64 = 0
  /// Whether the last file has been begun here.
  private var isOpen = false
  private(set) var fileCount = 0
  /// Of the last file.
  private var size: UInt64 = 0
  /// As far as it may be replayed: a place at which a server that has come so far says that it stands.
  private(set) var end: Place?
  /// From where on each of the dumps is to be brought further, in their order.
  private(set) var starts: [Place] = []
  /// Where statements begin that are certainly about other databases.
  private(set) var elsewhere: Set<Place> = []
  /// Where the transaction begins that is being read.
  private var groupStart: Place?

  private static let name = "relay"
  private static let beginnings = [BinaryLogEvent.Kind.format, BinaryLogEvent.Kind.mysqlPreviousGTIDs]
  private static let elsewhereLimit = 1_000_000

  /// - Parameters:
  ///   - places: Of dumps, in any order; at least one.
  ///   - dialect: Whose log it is.
  ///   - databases: Those that are replayed; nil for all of the server.
  ///   - ground: Where the files are laid down, in a folder of this name.
  /// - Throws: `SystemError`.
  public init(
    from places: [DumpLogPlace], of databases: [String]?, to target: ReplayTarget,
    _ dialect: MariaDBDialect = .mariadb, on ground: DrillGround, name: String
  ) throws {
    self.dialect = dialect
    self.target = target
    isWhole = databases == nil
    gtids = ReplayPosition(of: dialect)
    folder = try ground.makeFolder(name)
    owner = ground.account
    walk = ReplayWalk(from: Self.sorted(places), of: databases, to: target, dialect)
  }

  /// Places in the order of the log, whose files are numbered.
  public static func sorted(_ places: [DumpLogPlace]) -> [DumpLogPlace] {
    func order(_ place: DumpLogPlace) -> (UInt64, UInt64) {
      (BinaryLogFileName(place.file)?.number ?? 0, place.position)
    }
    return places.sorted { order($0) < order($1) }
  }

  /// The last transaction before the target; nil where there is none behind the first dump.
  public var reached: ReplayedTransaction? { walk.reached }
  /// How many transactions are to be gone through, of all databases of the server.
  public var transactionCount: Int { walk.count }
  /// When the newest event was written that was looked at, in seconds since 1970.
  public var newest: Int64 { walk.newest }
  /// Dumps that the log has not come to.
  public var remaining: [DumpLogPlace] { walk.remaining }
  /// Whether something is behind the target, or the target is the last that was asked for.
  public var isAtTarget: Bool { walk.isAtTarget }
  var databases: Set<ExactName> { walk.databases }
  var definers: Set<MariaDBAccounts.Account> { walk.definers }
  var databasesOfStatements: Set<ExactName> { walk.databasesOfStatements }
  var goesBySystemTime: Bool { walk.goesBySystemTime }

  /// Takes the next part of the log.
  ///
  /// - Parameter gtid: MariaDB's GTID position before it; empty where it is not known.
  /// - Returns: Whether more is wanted.
  /// - Throws: `ReplayFault`; `SystemError`.
  public func take(_ piece: ReplayPiece, gtid: String) throws -> Bool {
    // What a file begins with tells it, too.
    if file.isEmpty, !gtid.isEmpty || piece.range.lowerBound != BinaryLogFileName.firstEvent {
      gtids = ReplayPosition(of: dialect, at: gtid)
    }
    if !file.isSame(as: piece.file) {
      isOpen = false
    } else if position != piece.range.lowerBound {
      throw ReplayFault.unreadable(file: file, position: position)
    }
    (file, position) = (piece.file, piece.range.lowerBound)
    var bytes: [UInt8] = []
    let goesOn = try piece.events.withUnsafeBytes { try take($0, of: piece, &bytes) }
    try arrive(piece, &bytes)
    try write(bytes)
    return goesOn
  }

  private func take(
    _ events: UnsafeRawBufferPointer, of piece: ReplayPiece, _ bytes: inout [UInt8]
  ) throws -> Bool {
    var rest = events
    let checksum =
      piece.format.count > BinaryLogParser.checksumSize
      && piece.format[piece.format.count - BinaryLogParser.checksumSize - 1] == 1
    let trailer = checksum ? BinaryLogParser.checksumSize : 0
    while !rest.isEmpty {
      let unreadable = ReplayFault.unreadable(file: file, position: position)
      guard rest.count >= BinaryLogEvent.headerSize else { throw unreadable }
      let event = BinaryLogEvent(rest)
      guard event.size >= BinaryLogEvent.headerSize + trailer, event.size <= rest.count else { throw unreadable }
      let (end, isOver) = position.addingReportingOverflow(UInt64(event.size))
      guard !isOver, end <= piece.range.upperBound, UInt32(truncatingIfNeeded: end) == event.end else {
        throw unreadable
      }
      try arrive(piece, &bytes)
      let whole = UnsafeRawBufferPointer(rebasing: rest[..<event.size])
      let body = UnsafeRawBufferPointer(
        rebasing: whole[BinaryLogEvent.headerSize..<event.size - trailer])
      if ReplayWalk.begins.contains(event.kind) {
        groupStart = Place(file: fileCount, offset: size + UInt64(bytes.count))
      }
      let step = try walk.take(event, body, in: file, position..<end)
      if step == .beyond { return false }
      if step == .between, let start = groupStart {
        groupStart = nil
        if isOpen, walk.isElsewhere, elsewhere.count < Self.elsewhereLimit { elsewhere.insert(start) }
      }
      guard gtids.take(event, body) else {
        guard let backup, event.kind == BinaryLogEvent.Kind.mariadbGTID else { throw ReplayFault.missing(before: file) }
        throw ReplayFault.notThere(backup)
      }
      // A file begins with its own.
      if isOpen, event.kind != BinaryLogEvent.Kind.format {
        if let changed = FolderStatement.unstrict(whole, hasChecksum: checksum) {
          bytes += changed
        } else {
          bytes += whole
        }
      }
      position = end
      // Of what a file begins with MySQL says that it stands before it: Previous_gtids_log_event::do_update_pos in its log_event.cc.
      if isOpen, step == .between, !Self.beginnings.contains(event.kind) {
        self.end = Place(file: fileCount, offset: size + UInt64(bytes.count))
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[event.size...])
    }
    return !walk.isAtTarget
  }

  /// Looks whether dumps were made where the log is now, and begins a file where one is needed.
  private func arrive(_ piece: ReplayPiece, _ bytes: inout [UInt8]) throws {
    let first = walk.remaining.first
    let count = try walk.arrive(at: position, in: file)
    if let first, count > 0 {
      guard gtids.arrive(at: first, isExact: !isWhole) else { throw ReplayFault.notThere(first) }
      if isWhole { backup = first }
      if case .gtid(let gtid) = target, gtids.includes(gtid) { throw ReplayFault.targetBefore(first) }
    }
    guard walk.hasBegun else { return }
    if !isOpen {
      try begin(piece.format)
      bytes = []
    }
    guard count > 0 else { return }
    let place = end ?? Place(file: fileCount, offset: size + UInt64(bytes.count))
    starts += [Place](repeating: place, count: count)
    end = place
  }

  // MARK: - Files

  static func fileName(_ number: Int) -> String {
    let digits = String(number)
    return "\(name)." + String(repeating: "0", count: max(6 - digits.utf8.count, 0)) + digits
  }

  private func begin(_ format: [UInt8]) throws {
    fileCount += 1
    size = 0
    isOpen = true
    try write(BinaryLogParser.magic + format)
  }

  private func write(_ bytes: [UInt8]) throws {
    guard isOpen, !bytes.isEmpty else { return }
    try append(bytes, to: Self.fileName(fileCount))
    size += UInt64(bytes.count)
  }

  private func append(_ bytes: [UInt8], to name: String) throws {
    let name = EntryName(name)
    let file = try folder.open(name, flags: O_WRONLY | O_APPEND | O_CREAT)
    try owner?.own(file.number, folder.path(of: name))
    try bytes.withUnsafeBytes { try file.writeAll($0, subject: folder.path(of: name)) }
  }

  /// Takes away what is behind the target, and writes the list of files that the server wants.
  ///
  /// - Throws: `SystemError`.
  public func finish() throws {
    guard let end else { return }
    if end.file < fileCount {
      for number in (end.file + 1)...fileCount { try folder.remove(EntryName(Self.fileName(number))) }
      fileCount = end.file
    }
    let name = EntryName(Self.fileName(end.file))
    let file = try folder.open(name, flags: O_WRONLY)
    guard ftruncate(file.number, off_t(end.offset)) == 0 else {
      throw SystemError(call: "ftruncate", subject: folder.path(of: name))
    }
    let list = (1...fileCount).map { folder.path(of: EntryName(Self.fileName($0))) + "\n" }.joined()
    try append(Array(list.utf8), to: "\(Self.name).index")
  }

  /// What has a server read it.
  var arguments: [String] {
    let path = folder.path(of: EntryName(Self.name))
    return ["--relay-log=\(path)", "--relay-log-index=\(path).index"]
  }
}
