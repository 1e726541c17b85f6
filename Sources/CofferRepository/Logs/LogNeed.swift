import CofferSystem
import FoundationEssentials

/// What an archive needs of a server's log: all from a segment on, to be brought further than it is by itself.
public struct LogNeed: Sendable, Equatable {
  public let server: LogServer
  /// nil where the log's segments cannot be known when the archive is made, as those of a binary log: then all that was stored since the
  /// archive was begun is needed.
  public let first: LogPlace?
  /// The dumps that need it, by their paths in the archive; nil where it is not said, or there are too many to name.
  public let dumps: Set<ExactName>?
  /// Dumps of the archive that cannot be brought further, for it is not known where the log was at them: they take no earlier dump's place.
  /// nil where there are too many to name.
  public let unplaced: Set<ExactName>?

  /// - Parameters:
  ///   - dumps: Paths; those of more than are named are left out.
  ///   - unplaced: Paths; nil for too many.
  public init(server: LogServer, first: LogPlace?, dumps: [String]? = nil, unplaced: [String]? = []) {
    self.server = server
    self.first = first
    let names = Self.names(dumps ?? [])
    self.dumps = names?.isEmpty == true ? nil : names
    self.unplaced = unplaced.flatMap(Self.names)
  }

  private static func names(_ paths: [String]) -> Set<ExactName>? {
    paths.count > dumpLimit ? nil : Set(paths.map { ExactName($0) })
  }

  /// An archive has one for each base backup.
  static let limit = 1024
  /// Records are read by everybody who lists archives.
  private static let dumpLimit = 1000
}

extension LogNeed: Codable {
  private enum Key: CodingKey {
    case system, identity, history, number, exponent, dumps, unplaced
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let server = LogServer(
      system: try container.decode(String.self, forKey: .system),
      identity: try container.decode(String.self, forKey: .identity))
    let dumps = try container.decodeIfPresent([String].self, forKey: .dumps)
    // An empty list stands for too many.
    let unplaced = try container.decodeIfPresent([String].self, forKey: .unplaced).map { $0.isEmpty ? nil : $0 } ?? []
    guard container.contains(.history) else {
      self.init(server: server, first: nil, dumps: dumps, unplaced: unplaced)
      return
    }
    let place = LogPlace(
      history: try container.decode(UInt32.self, forKey: .history),
      number: try container.decode(UInt64.self, forKey: .number),
      exponent: try container.decode(UInt8.self, forKey: .exponent))
    guard let place else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no place in a log"))
    }
    self.init(server: server, first: place, dumps: dumps, unplaced: unplaced)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(server.system, forKey: .system)
    try container.encode(server.identity, forKey: .identity)
    try container.encodeIfPresent(dumps.map { $0.sorted().map(\.text) }, forKey: .dumps)
    if unplaced?.isEmpty != true {
      try container.encode((unplaced ?? []).sorted().map(\.text), forKey: .unplaced)
    }
    guard let first else { return }
    try container.encode(first.history, forKey: .history)
    try container.encode(first.number, forKey: .number)
    try container.encode(first.exponent, forKey: .exponent)
  }
}
