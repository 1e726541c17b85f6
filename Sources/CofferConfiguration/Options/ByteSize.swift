import CofferSystem

/// An amount of bytes as people write it: a number, and k, M, G or T for thousands of them, or Ki, Mi, Gi or Ti for steps of
/// 1024. A B behind that changes nothing, and neither do small letters.
public struct ByteSize: OptionText, Equatable {
  public static let title = "a size"
  public static let suggestion = "Write a number and one of k, M, G and T, or Ki, Mi, Gi and Ti, for example 500M"

  private static let units: [(name: String, bytes: Int)] = [
    ("ki", 1 << 10), ("mi", 1 << 20), ("gi", 1 << 30), ("ti", 1 << 40),
    ("k", 1000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000), ("", 1),
  ]

  public let bytes: Int
  /// As it was written.
  public let spelling: String

  public init?(_ text: String) {
    var rest = text.lowercased()
    if rest.ends(with: "b") { rest = String(rest.dropLast()) }
    guard let unit = Self.units.first(where: { rest.ends(with: $0.name) }) else { return nil }
    let digits = rest.utf8.dropLast(unit.name.utf8.count)
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Int(String(decoding: digits, as: UTF8.self))
    else { return nil }
    let (size, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
    guard !overflow else { return nil }
    bytes = size
    spelling = text
  }
}
