import CofferSystem

/// The form that a text must have, where not every text will do.
public struct TextFormat: Sendable {
  /// What it must be, in a user's words.
  let title: String
  /// How to write it.
  let suggestion: String
  let accepts: @Sendable (String) -> Bool

  static let age = TextFormat(
    title: "a length of time", suggestion: "Write a number and one of S, M, H, d, w, m and y, for example 3d",
    accepts: { LengthOfTime.seconds(ofAge: $0) != nil })

  static let frequency = TextFormat(
    title: "a frequency", suggestion: "Write 'always', or a number and a unit, for example '2 weeks'",
    accepts: { $0 == "always" || LengthOfTime.seconds(ofFrequency: $0) != nil })

  static let weekday = TextFormat(
    title: "a day of the week", suggestion: "Write, for example, Saturday, weekday or weekend",
    accepts: { text in
      let day = text.lowercased()
      return ["weekday", "weekend"].contains(day)
        || ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains { day.begins(with: $0) }
    })

  static let compression = TextFormat(
    title: "a way to compress", suggestion: "Write 'zstd,LEVEL' with a level from 1 to 19",
    accepts: { BlockCompression($0) != nil })
}

/// Lengths of time as options spell them.
public enum LengthOfTime {
  private static let day = 86400.0

  /// Reads `keep_within`'s spelling, for example `3d`; months have 31 days and years 365.
  public static func seconds(ofAge text: String) -> Double? {
    let units: [Unicode.Scalar: Double] = [
      "S": 1, "M": 60, "H": 3600, "d": day, "w": 7 * day, "m": 31 * day, "y": 365 * day,
    ]
    guard let unit = text.unicodeScalars.last.flatMap({ units[$0] }),
      let number = Int(String(text.unicodeScalars.dropLast())), number > 0
    else { return nil }
    return Double(number) * unit
  }

  /// Reads `frequency`'s spelling, for example `2 weeks`; months have 30 days and years 365.
  public static func seconds(ofFrequency text: String) -> Double? {
    let units: [String: Double] = [
      "second": 1, "minute": 60, "hour": 3600, "day": day, "week": 7 * day, "month": 30 * day, "year": 365 * day,
    ]
    let words = text.words
    let unit = words.last.map { $0.before(end: "s") ?? $0 } ?? ""
    guard words.count == 2, let number = Int(words[0]), number > 0, let seconds = units[unit] else { return nil }
    return Double(number) * seconds
  }
}
