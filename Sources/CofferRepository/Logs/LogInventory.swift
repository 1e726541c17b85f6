import CofferStorage
import CofferSystem
import FoundationEssentials

/// What a repository has of all servers' logs, by the names of its objects.
public struct LogInventory {
  /// What one signer has put of one history of a server.
  struct Group: Hashable {
    let server: String
    let signer: LogSigner
    let history: UInt32
    let exponent: UInt8

    init(_ name: LogName) {
      server = name.server
      signer = name.signer
      history = name.first.history
      exponent = name.first.exponent
    }

    /// In which order they are gone through.
    var order: (String, String, UInt32, UInt8) { (server, signer.text, history, exponent) }
  }

  /// Segments, single and joined, by their last places, those that begin later first where two end alike.
  let groups: [Group: [LogStore.Listed]]
  let files: [LogStore.Listed]
  /// What has a name that such an object has, but for its tag.
  let strays: [ObjectName]
  /// What has no name that such an object has.
  let unknown: [ObjectName]

  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  init(_ context: RepositoryContext) throws {
    let store = try LogStore(context)
    let (first, strays, unknown) = try store.listAll()
    // What has gone from the first list when the second is made has been joined before.
    let joined = first.isEmpty ? [] : try store.listAll().objects.filter { $0.name.kind == .joined }
    groups = Dictionary(grouping: first.filter { $0.name.kind == .segment } + joined, by: { Group($0.name) })
      .mapValues { objects in
        objects.sorted {
          ($0.name.last.number, $1.name.first.number, $0.name.objectName.path)
            < ($1.name.last.number, $0.name.first.number, $1.name.objectName.path)
        }
      }
    files = first.filter { if case .file = $0.name.kind { true } else { false } }
    self.strays = strays
    self.unknown = unknown
  }

  /// Those of the files that are pieces of segments.
  var pieces: [Group: [LogPiece.Listed]] { Dictionary(grouping: LogPiece.among(files), by: { Group($0.listed.name) }) }

  /// What a signer has put of one server's log, up to what certainly is that: of what is joined no write-only key can tell it by the name.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func certain(of server: String, by signer: LogSigner, _ context: RepositoryContext) throws -> LogInventory {
    let store = try LogStore(context)
    let own = groups.filter { $0.key.server.isSame(as: server) && $0.key.signer == signer }
    return LogInventory(
      groups: try own.mapValues { objects in
        var objects = objects
        while let last = objects.last, last.name.kind == .joined, signer != .full,
          try RunStore.readable({ try store.open(last) }) == nil
        {
          objects.removeLast()
        }
        return objects
      }.filter { !$0.value.isEmpty },
      files: files.filter { $0.name.server.isSame(as: server) && $0.name.signer == signer })
  }

  private init(groups: [Group: [LogStore.Listed]], files: [LogStore.Listed]) {
    self.groups = groups
    self.files = files
    strays = []
    unknown = []
  }
}

/// What one signer has put of one history of a server's log.
public struct LogStream: Sendable {
  /// nil where no object says it that can be read.
  public let origin: LogOrigin?
  /// Hex digits that stand for the server in objects' names.
  public let server: String
  public let signer: LogSigner
  public let history: UInt32
  /// Of WAL the binary logarithm of a segment's bytes.
  public let exponent: UInt8
  /// The first and the last of segments without a gap, in order; between two stretches something is missing.
  public let stretches: [(first: LogPlace, last: LogPlace)]
  public let objectCount: Int
  /// Of the segment that is not whole and behind all others, from its first byte on; nil where there is none.
  public let tail: LogPiece?
  /// Bytes in the store.
  public let storedSize: UInt64
  /// When the store received the newest.
  public let received: Date
  /// How far a binary log is stored, as the object of the last segment says it.
  public var binaryReach: BinaryLogReach?
  /// The last entry of an oplog that is stored, likewise.
  public var oplogEnd: OplogMark?
  /// When the store received the first, as far as that is known.
  public var begun = Date.distantPast
  /// Whether readers believe it who name no key: "Whose log" of Documentation/repository-format.md.
  public var counts = true
  /// The last history that a recovery finds which begins in this one: as long as there is, of one after the other, what says where it has
  /// begun.
  public var reach: UInt32 = .max

  /// The place in the server's log behind the last byte that there is.
  public var end: UInt64? {
    if let tail { return tail.place.start &+ UInt64(tail.range.upperBound) }
    return (stretches.last?.last).map { $0.start &+ UInt64($0.size) }
  }

  /// The first segment of which there is something, and the last.
  public var first: LogPlace? { stretches.first?.first ?? tail?.place }
  public var last: LogPlace? { tail?.place ?? stretches.last?.last }

  /// Between which segments something is missing, in order.
  public var gaps: [(before: LogPlace, after: LogPlace)] {
    let starts = stretches.dropFirst().map(\.first) + [tail?.place].compactMap(\.self)
    return zip(stretches, starts).map { (before: $0.last, after: $1) }.filter { $0.before.next != $0.after }
  }
}

extension LogInventory {
  /// What there is of each history of each server; the newest object of each is opened, so that it is known of which.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func streams(_ context: RepositoryContext) throws -> [LogStream] {
    let store = try LogStore(context)
    let pieces = pieces
    let all = Set(groups.keys).union(pieces.keys)
    let servers = Dictionary(grouping: all, by: { ExactName($0.server) }).mapValues { own in
      let signers = LogSigners(named: [], all: Set(own.map(\.signer)), context)
      return (signers: signers, histories: histories(of: own[0].server, signers))
    }
    return try all.sorted(by: { $0.order < $1.order }).map { group in
      let (objects, pieces) = (groups[group] ?? [], pieces[group] ?? [])
      let names = objects.map(\.name)
      let tail = Self.tail(pieces, behind: names.map(\.last).max())
      let newest = try Self.newest(of: objects + (tail?.objects ?? []), store, context)
      let server = servers[ExactName(group.server)]
      let isOfLast = newest?.last == objects.last?.name.last
      return LogStream(
        origin: newest?.origin, server: group.server, signer: group.signer,
        history: group.history, exponent: group.exponent, stretches: Self.stretches(names),
        objectCount: objects.count + pieces.count, tail: tail?.piece,
        storedSize: (objects + pieces.map(\.listed)).reduce(0) {
          $0.addingClamped(UInt64(clamping: $1.status.size))
        },
        received: newest?.received ?? objects.map(\.status.received).max() ?? .distantPast,
        binaryReach: isOfLast ? newest?.origin.reach : nil, oplogEnd: isOfLast ? newest?.origin.oplog : nil,
        begun: try Self.begun(objects, store, context)
          ?? (objects + pieces.map(\.listed)).map(\.status.received).min() ?? .distantPast,
        counts: server?.signers.counts(group.signer) ?? false,
        reach: Self.reach(from: group.history, server?.histories ?? []))
    }
  }

  /// The histories of a server of which there is a file that says where they have begun, and counts.
  private func histories(of server: String, _ signers: LogSigners) -> Set<UInt32> {
    Set(
      files.filter {
        $0.name.kind == .file("history") && $0.name.server.isSame(as: server) && signers.counts($0.name.signer)
      }.map(\.name.first.history))
  }

  /// The last history that is found by asking for one after the other, as PostgreSQL does.
  private static func reach(from history: UInt32, _ known: Set<UInt32>) -> UInt32 {
    var reach = history
    while reach < .max, known.contains(reach + 1) { reach += 1 }
    return reach
  }

  /// When the store received the first, where that is joined with others.
  private static func begun(_ objects: [LogStore.Listed], _ store: LogStore, _ context: RepositoryContext) throws
    -> Date?
  {
    guard let first = objects.min(by: { $0.name.first < $1.name.first }), first.name.kind == .joined else { return nil }
    return try context.readable(orElse: "when its log begins is not known") {
      try store.open(first).directory.segments.first?.date
    }
  }

  /// The beginning of the last segment that is not whole, and the objects that it is in, in order.
  private static func tail(
    _ pieces: [LogPiece.Listed], behind last: LogPlace?
  ) -> (piece: LogPiece, objects: [LogStore.Listed])? {
    let behind = pieces.filter { found in last.map { $0 < found.piece.place } ?? true }
    for (place, found) in Dictionary(grouping: behind, by: \.piece.place).sorted(by: { $0.key > $1.key }) {
      let reach = min(LogPiece.reach(found.map(\.piece.range)), place.size)
      guard reach > 0 else { continue }
      let objects = found.filter { $0.piece.range.lowerBound < reach }
        .sorted { $0.piece.range.upperBound < $1.piece.range.upperBound }
      return (LogPiece(place: place, range: 0..<reach), objects.map(\.listed))
    }
    return nil
  }

  /// Objects that are opened at most until one tells of which server they are.
  private static let tries = 16

  /// What the object of the last place says, and when that was received.
  private static func newest(
    of objects: [LogStore.Listed], _ store: LogStore, _ context: RepositoryContext
  ) throws -> (origin: LogOrigin, received: Date, last: LogPlace)? {
    for listed in objects.reversed().prefix(tries) {
      let said = try context.readable(orElse: "what it says of its log is passed over") {
        try store.open(listed).directory
      }
      guard let directory = said else { continue }
      // What is joined was received before it was joined.
      let own = listed.name.kind == .joined ? directory.segments.last?.date : nil
      return (directory.origin, min(own ?? listed.status.received, listed.status.received), listed.name.last)
    }
    return nil
  }

  /// - Parameter names: Of one group, by their last places.
  static func stretches(_ names: [LogName]) -> [(first: LogPlace, last: LogPlace)] {
    var stretches: [(first: LogPlace, last: LogPlace)] = []
    for name in names.sorted(by: { ($0.first, $0.last) < ($1.first, $1.last) }) {
      guard let open = stretches.last else {
        stretches.append((name.first, name.last))
        continue
      }
      if name.first <= open.last || open.last.next == name.first {
        stretches[stretches.count - 1].last = max(open.last, name.last)
      } else {
        stretches.append((name.first, name.last))
      }
    }
    return stretches
  }
}
