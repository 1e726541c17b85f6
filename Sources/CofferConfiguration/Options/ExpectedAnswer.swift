import CofferSystem
import FoundationEssentials
import Glibc

/// What a question must be answered with: a text, or a comparison with a number.
public struct ExpectedAnswer: OptionText, Equatable {
  public static let title = "an answer"
  public static let suggestion =
    "Write the answer as it is printed, or a comparison: '>= 1000', '<', '>', '<=' with a number, '=' or '!=' with anything"

  private enum Comparison: String, CaseIterable {
    // The longer ones first.
    case atLeast = ">="
    case atMost = "<="
    case other = "!="
    case more = ">"
    case less = "<"
    case same = "="

    var isOfNumbers: Bool { self != .same && self != .other }
  }

  /// As it was written.
  public let spelling: String
  private let comparison: Comparison
  private let value: String

  public init?(_ text: String) {
    spelling = text
    let comparison = Comparison.allCases.first { text.begins(with: $0.rawValue) }
    self.comparison = comparison ?? .same
    value = comparison.flatMap { text.after(beginning: $0.rawValue)?.trimmed } ?? text
    if self.comparison.isOfNumbers, Self.number(value) == nil { return nil }
  }

  /// Whether an answer is what was expected. Where a number is to be smaller or larger, what is none is neither.
  public func isMet(by answer: String) -> Bool {
    let numbers = Self.number(answer).flatMap { answer in Self.number(value).map { (answer, $0) } }
    switch comparison {
    case .same: return answer.isSame(as: value) || numbers.map { $0 == $1 } ?? false
    case .other: return !answer.isSame(as: value) && numbers.map { $0 != $1 } ?? true
    case .atLeast: return numbers.map { $0 >= $1 } ?? false
    case .atMost: return numbers.map { $0 <= $1 } ?? false
    case .more: return numbers.map { $0 > $1 } ?? false
    case .less: return numbers.map { $0 < $1 } ?? false
    }
  }

  /// Decimal digits with or without a sign and a fraction, as many as are counted exactly.
  private static func number(_ text: String) -> Decimal? {
    let digits = text.after(beginning: "-") ?? text
    let parts = digits.parts(by: ".")
    guard (1...2).contains(parts.count), digits.utf8.count <= 38,
      parts.allSatisfy({ part in !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    return Decimal(string: text, locale: Locale(identifier: "en_US_POSIX"))
  }
}
