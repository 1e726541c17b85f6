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
  /// Bytes in the store.
  public let storedSize: UInt64
  /// When the store received the newest.
  public let received: Date
}

extension LogInventory {
  /// What there is of each history of each server; the newest object of each is opened, so that it is known of which.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func streams(_ context: RepositoryContext) throws -> [LogStream] {
    let store = try LogStore(context)
    return try groups.sorted(by: { $0.key.order < $1.key.order }).map { group, objects in
      let newest = try Self.newest(of: objects, store, context)
      return LogStream(
        origin: newest?.origin, server: group.server, signer: group.signer,
        history: group.history, exponent: group.exponent, stretches: Self.stretches(objects.map(\.name)),
        objectCount: objects.count,
        storedSize: objects.reduce(0) { $0.addingClamped(UInt64(clamping: $1.status.size)) },
        received: newest?.received ?? objects.map(\.status.received).max() ?? .distantPast)
    }
  }

  /// Objects that are opened at most until one tells of which server they are.
  private static let tries = 16

  /// What the object of the last place says, and when that was received.
  private static func newest(
    of objects: [LogStore.Listed], _ store: LogStore, _ context: RepositoryContext
  ) throws -> (origin: LogOrigin, received: Date)? {
    for listed in objects.reversed().prefix(tries) {
      let said = try context.readable(orElse: "what it says of its log is passed over") {
        try store.open(listed).directory
      }
      guard let directory = said else { continue }
      // What is joined was received before it was joined.
      let own = listed.name.kind == .joined ? directory.segments.last?.date : nil
      return (directory.origin, min(own ?? listed.status.received, listed.status.received))
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
