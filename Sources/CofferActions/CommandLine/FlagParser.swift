import CofferConfiguration
import CofferSystem

/// How a flag's value is read, and what is said of one that is none.
struct FlagParser<Value: Sendable>: Sendable {
  /// What a value is: "a number from 1 to 65535".
  let expected: String
  /// What somebody probably meant by a mistake.
  private let nearest: @Sendable (String) -> String?
  /// - Returns: nil for what is no value.
  let parse: @Sendable (String) -> Value?

  init(_ expected: String, choices: [String] = [], parse: @escaping @Sendable (String) -> Value?) {
    self.init(expected, nearest: { NearestName.of($0, among: choices) }, parse: parse)
  }

  fileprivate init(
    _ expected: String, nearest: @escaping @Sendable (String) -> String?,
    parse: @escaping @Sendable (String) -> Value?
  ) {
    self.expected = expected
    self.nearest = nearest
    self.parse = parse
  }

  func refusal(of text: String, for flag: String, isSecret: Bool) -> UsageError {
    UsageError(
      argument: flag, problem: isSecret ? "The value is not \(expected)" : "'\(text)' is not \(expected)",
      suggestion: nearest(text).map { "Did you mean '\($0)'?" } ?? "Write \(expected)")
  }
}

extension FlagParser<String> {
  static let text = FlagParser("a text") { $0 }

  static func one(of values: [String]) -> FlagParser {
    FlagParser(alternatives(values), choices: values) { text in values.contains(text) ? text : nil }
  }
}

extension FlagParser<Int> {
  static func number(_ range: ClosedRange<Int>) -> FlagParser {
    FlagParser("a number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  static let port = number(1...65535)

  static let count = FlagParser("a number, 1 or more") { text in Int(text).flatMap { $0 > 0 ? $0 : nil } }
}

extension FlagParser where Value: OptionChoice, Value.RawValue == String {
  static var choice: FlagParser {
    FlagParser(alternatives(Value.choices), choices: Value.choices) { Value(rawValue: $0) }
  }
}

extension FlagParser where Value: OptionText {
  /// Reads what an option of the configuration may be, too.
  static var option: FlagParser {
    FlagParser(Value.title, nearest: Value.nearest) { Value($0) }
  }
}

extension FlagParser {
  /// As they follow "is not".
  fileprivate static func alternatives(_ values: [String]) -> String {
    values.dropLast().joined(separator: ", ") + (values.count > 1 ? " or " : "") + (values.last ?? "")
  }
}

extension FlagParser<Int> {
  /// Bytes: a number, and k, M, G or T for thousands of them; "MB" is as good as "M".
  static let size = FlagParser("a size like 500M or 20G") { ByteSize($0)?.bytes }
}

extension FlagParser<Double> {
  /// Seconds: a number, and s, m, h or d.
  static let duration = FlagParser("a duration like 90s, 30m or 2h") { text in
    let units: [(String, Double)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]
    let unit = units.first { text.ends(with: $0.0) }
    let digits = unit == nil ? text : String(text.dropLast())
    guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let number = Double(digits)
    else { return nil }
    return number * (unit?.1 ?? 1)
  }
}
