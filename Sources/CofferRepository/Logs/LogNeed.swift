import CofferSystem
import FoundationEssentials

/// What an archive needs of a server's log: all from a segment on, to be brought further than it is by itself.
public struct LogNeed: Sendable, Equatable {
  public let server: LogServer
  /// nil where the log's segments cannot be known when the archive is made, as those of a binary log: then all that was stored since the
  /// archive was begun is needed.
  public let first: LogPlace?

  public init(server: LogServer, first: LogPlace?) {
    self.server = server
    self.first = first
  }

  /// An archive has one for each base backup.
  static let limit = 1024
}

extension LogNeed: Codable {
  private enum Key: CodingKey {
    case system, identity, history, number, exponent
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let server = LogServer(
      system: try container.decode(String.self, forKey: .system),
      identity: try container.decode(String.self, forKey: .identity))
    guard container.contains(.history) else {
      self.init(server: server, first: nil)
      return
    }
    let place = LogPlace(
      history: try container.decode(UInt32.self, forKey: .history),
      number: try container.decode(UInt64.self, forKey: .number),
      exponent: try container.decode(UInt8.self, forKey: .exponent))
    guard let place else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no place in a log"))
    }
    self.init(server: server, first: place)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(server.system, forKey: .system)
    try container.encode(server.identity, forKey: .identity)
    guard let first else { return }
    try container.encode(first.history, forKey: .history)
    try container.encode(first.number, forKey: .number)
    try container.encode(first.exponent, forKey: .exponent)
  }
}

/// From where on a server's log stays for the archives that there are, by rule L8 of Documentation/deleting.md.
struct NeededLog {
  private enum Start {
    case place(history: UInt32, number: UInt64)
    /// By the store's clock.
    case time(Date)
  }

  private let starts: [Start]

  /// - Parameters:
  ///   - server: As names of objects have it.
  ///   - limit: Where the window of `keep_log` begins.
  init(
    of server: String, for archives: [Archive], before limit: Date, _ context: RepositoryContext
  ) throws {
    var needs: [(signer: String?, time: Date, start: Start, counts: Bool)] = []
    for archive in archives {
      for need in archive.draft.logNeeds where try need.server.id(context).isSame(as: server) {
        // Whichever clock was ahead: what was made later than it seems leads to less.
        let time = max(archive.end, archive.received ?? archive.end)
        needs.append((archive.writeOnlyKey, time, Self.start(of: need, archive), archive.standing == .counts))
      }
    }
    // Of each signer by itself: what one says makes nothing go that another needs.
    starts = Dictionary(grouping: needs, by: { $0.signer.map { ExactName($0) } }).values.compactMap { own in
      // What may still become void takes nobody's place.
      let before = own.filter { $0.counts && $0.time <= limit }
      return (before.isEmpty ? own.min { $0.time < $1.time } : before.max { $0.time < $1.time })?.start
    }
  }

  private static func start(of need: LogNeed, _ archive: Archive) -> Start {
    if let first = need.first { return .place(history: first.history, number: first.number) }
    // How long it took is known by one clock, and when it ended by the store's.
    let begin = archive.draft.start
    let took = max(archive.end.timeIntervalSince(begin), 0)
    return .time(min(archive.received?.addingTimeInterval(-took) ?? begin, begin))
  }

  /// Whether some of an object's segments stay. Later histories may have gone out from an earlier one.
  func includes(_ listed: LogStore.Listed) -> Bool {
    starts.contains { start in
      switch start {
      case .place(let history, let number): (history, number) <= (listed.name.last.history, listed.name.last.number)
      // What was joined was received before it was joined, and stays longer.
      case .time(let time): time <= listed.status.received
      }
    }
  }
}
