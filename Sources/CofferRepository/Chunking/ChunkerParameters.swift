import CofferSystem

/// How long chunks are, in bytes; fixed when a repository is created.
public struct ChunkerParameters: Sendable, Equatable, Codable {
  /// The length that cut points aim at; a power of two.
  public let target: Int
  /// No chunk but a stream's last is shorter.
  public let minimum: Int
  /// No chunk is longer.
  public let maximum: Int

  /// - Returns: nil unless 64 <= minimum < target < maximum <= 1 MiB and `target` is a power of two of at
  ///   least 256.
  public init?(target: Int, minimum: Int, maximum: Int) {
    guard target.nonzeroBitCount == 1, target >= 256, minimum >= 64, minimum < target, target < maximum,
      maximum <= 1 << 20
    else { return nil }
    self.target = target
    self.minimum = minimum
    self.maximum = maximum
  }

  private init(unchecked target: Int, _ minimum: Int, _ maximum: Int) {
    self.target = target
    self.minimum = minimum
    self.maximum = maximum
  }

  /// 8 KiB, between 2 KiB and 64 KiB: what a day's change of a database dump costs grows with the target
  /// (36 MB at 8 KiB, 106 MB at 64 KiB, 188 MB at 2 MiB for a 600 MB dump with 1 % of its rows changed).
  public static let standard = ChunkerParameters(unchecked: 8 << 10, 2 << 10, 64 << 10)

  private enum CodingKeys: String, CodingKey {
    case target, minimum, maximum
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    guard
      let checked = Self(
        target: try values.decode(Int.self, forKey: .target),
        minimum: try values.decode(Int.self, forKey: .minimum),
        maximum: try values.decode(Int.self, forKey: .maximum))
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .target, in: values, debugDescription: "chunker parameters out of bounds")
    }
    self = checked
  }
}
