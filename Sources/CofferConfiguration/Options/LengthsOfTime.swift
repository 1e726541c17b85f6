import CofferSystem

private let day = 86400.0

/// How old archives are that `keep_within` keeps: `3d`, say. Months have 31 days and years 365.
public struct ArchiveAge: OptionText {
  public static let title = "a length of time"
  public static let suggestion = "Write a number and one of S, M, H, d, w, m and y, for example 3d"

  private static let units: [(letter: Unicode.Scalar, name: String, seconds: Double)] = [
    ("S", "seconds", 1), ("M", "minutes", 60), ("H", "hours", 3600), ("d", "days", day), ("w", "weeks", 7 * day),
    ("m", "months", 31 * day), ("y", "years", 365 * day),
  ]

  public let seconds: Double
  /// As it was written.
  public let spelling: String

  public init?(_ text: String) {
    guard let unit = Self.units.first(where: { $0.letter == text.unicodeScalars.last }),
      let number = Int(String(text.unicodeScalars.dropLast())), number > 0
    else { return nil }
    seconds = Double(number) * unit.seconds
    spelling = text
  }

  /// `3 days`, `3D` and `3h` are plain enough.
  public static func nearest(to text: String) -> String? {
    let digits = String(
      decoding: text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }, as: UTF8.self)
    let name = String(decoding: text.utf8.dropFirst(digits.utf8.count), as: UTF8.self).trimmed.lowercased()
    guard let number = Int(digits), number > 0, !name.isEmpty else { return nil }
    let unit =
      units.first { $0.name.begins(with: name) }
      ?? NearestName.slip(of: name, among: units.map(\.name)).flatMap { near in
        units.first { $0.name.isSame(as: near) }
      }
    return unit.map { "\(number)\($0.letter)" }
  }
}

/// How much time must have passed since a check was last made: `2 weeks`, say. Months have 30 days and years 365.
public enum CheckFrequency: OptionText {
  case always
  case every(seconds: Double, spelling: String)

  public static let title = "a frequency"
  public static let suggestion = "Write 'always', or a number and a unit, for example '2 weeks'"

  private static let units: [(name: String, seconds: Double)] = [
    ("second", 1), ("minute", 60), ("hour", 3600), ("day", day), ("week", 7 * day), ("month", 30 * day),
    ("year", 365 * day),
  ]

  /// nil for always.
  public var seconds: Double? {
    if case .every(let seconds, _) = self { seconds } else { nil }
  }

  public var spelling: String {
    switch self {
    case .always: "always"
    case .every(_, let spelling): spelling
    }
  }

  public init?(_ text: String) {
    guard !text.isSame(as: "always") else {
      self = .always
      return
    }
    let words = text.words
    let name = words.last.map { $0.before(end: "s") ?? $0 } ?? ""
    guard words.count == 2, let number = Int(words[0]), number > 0,
      let unit = Self.units.first(where: { $0.name.isSame(as: name) })
    else { return nil }
    self = .every(seconds: Double(number) * unit.seconds, spelling: text)
  }

  public static func nearest(to text: String) -> String? {
    let words = text.lowercased().words
    if words.count == 1 { return NearestName.slip(of: words[0], among: ["always"]) }
    guard words.count == 2, let number = Int(words[0]), number > 0 else { return nil }
    let names = units.map { number == 1 ? $0.name : $0.name + "s" }
    return NearestName.slip(of: words[1], among: names).map { "\(number) \($0)" }
  }
}
