import CofferSystem

/// The entries of the oplog that a dump of a whole server has: replayed on its collections, they make them what they were at the last.
public struct DumpOplogPlace: Sendable, Equatable, Codable {
  public let first: OplogMark
  public let last: OplogMark

  init(first: OplogMark, last: OplogMark) {
    self.first = first
    self.last = last
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    first = try container.decode(OplogMark.self, forKey: .first)
    last = try container.decode(OplogMark.self, forKey: .last)
    guard first.time <= last.time else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: container.codingPath, debugDescription: "no place in an oplog"))
    }
  }
}
