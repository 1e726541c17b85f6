/// How far the binary log of a MariaDB or MySQL server is stored, as whoever has put the last slice says it: all that a key needs
/// that can read no slice, to go on behind it.
public struct BinaryLogReach: Codable, Sendable, Equatable {
  /// The file of the last slice, and where that ends in it.
  public let file: String
  public let end: UInt64
  /// Whether the server has ended the file there.
  public let isWhole: Bool
  /// When the last event was written, in seconds since 1970.
  public let time: UInt32
  /// When the file was begun, in seconds since 1970, and the server's number then: by these it is known again.
  public let created: UInt32
  public let serverID: UInt32
  /// MariaDB's GTID position behind it; nil where it is not known, or is long.
  public let gtid: String?

  private static let gtidLimit = 4096

  public init(
    file: String, end: UInt64, isWhole: Bool, time: UInt32, created: UInt32, serverID: UInt32, gtid: String?
  ) {
    self.file = file
    self.end = end
    self.isWhole = isWhole
    self.time = time
    self.created = created
    self.serverID = serverID
    self.gtid = gtid.flatMap { $0.utf8.count <= Self.gtidLimit ? $0 : nil }
  }

  private enum CodingKeys: String, CodingKey {
    case file, end
    case isWhole = "whole"
    case time, created
    case serverID = "server_id"
    case gtid
  }
}
