import CofferSystem
import FoundationEssentials

/// What an archive needs of a server's log: all from a segment on, to be brought further than it is by itself.
public struct LogNeed: Sendable, Equatable {
  public let server: LogServer
  public let first: LogPlace

  public init(server: LogServer, first: LogPlace) {
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
    let place = LogPlace(
      history: try container.decode(UInt32.self, forKey: .history),
      number: try container.decode(UInt64.self, forKey: .number),
      exponent: try container.decode(UInt8.self, forKey: .exponent))
    guard let place else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no place in a log"))
    }
    self.init(
      server: LogServer(
        system: try container.decode(String.self, forKey: .system),
        identity: try container.decode(String.self, forKey: .identity)),
      first: place)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(server.system, forKey: .system)
    try container.encode(server.identity, forKey: .identity)
    try container.encode(first.history, forKey: .history)
    try container.encode(first.number, forKey: .number)
    try container.encode(first.exponent, forKey: .exponent)
  }
}

/// From where on a server's log stays for the archives that there are, by rule L8 of Documentation/deleting.md.
struct NeededLog {
  private let starts: [(history: UInt32, number: UInt64)]

  /// - Parameters:
  ///   - server: As names of objects have it.
  ///   - limit: Where the window of `keep_log` begins.
  init(
    of server: String, for archives: [Archive], before limit: Date, _ context: RepositoryContext
  ) throws {
    var needs: [(signer: String?, time: Date, first: LogPlace, counts: Bool)] = []
    for archive in archives {
      for need in archive.draft.logNeeds where try need.server.id(context).isSame(as: server) {
        // Whichever clock was ahead: what was made later than it seems leads to less.
        let time = max(archive.end, archive.received ?? archive.end)
        needs.append((archive.writeOnlyKey, time, need.first, archive.standing == .counts))
      }
    }
    // Of each signer by itself: what one says makes nothing go that another needs.
    starts = Dictionary(grouping: needs, by: { $0.signer.map { ExactName($0) } }).values.compactMap { own in
      // What may still become void takes nobody's place.
      let before = own.filter { $0.counts && $0.time <= limit }
      let start = before.isEmpty ? own.min { $0.time < $1.time } : before.max { $0.time < $1.time }
      return start.map { ($0.first.history, $0.first.number) }
    }
  }

  /// Whether some of an object's segments stay. Later histories may have gone out from an earlier one.
  func includes(_ name: LogName) -> Bool {
    starts.contains { $0 <= (name.last.history, name.last.number) }
  }
}
