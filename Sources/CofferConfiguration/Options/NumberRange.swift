import CofferSystem

/// What numbers of a kind may be. An upper end keeps what is reckoned with them from growing beyond all numbers.
public enum NumberRange {
  /// How often, or how many.
  public static let counts = 0...1_000_000
  /// The same where none would be nothing at all.
  public static let countsFromOne = 1...1_000_000
  /// How many are kept; -1 for all.
  public static let kept = -1...1_000_000_000
  /// A year of them at most.
  public static let seconds = 0...31_622_400
  public static let ports = 1...65535
  /// A tebibyte at most, in kibibytes.
  public static let kibibytes = 0...1_073_741_824
  public static let bytes = 0...1_099_511_627_776
  public static let percentages = 0.0...100.0
}

extension OptionKey where Value == Int {
  /// Declares a whole number.
  ///
  /// - Parameter range: All that it may be.
  public init(
    _ name: String, _ documentation: String, in range: ClosedRange<Int>, default standard: Int, example: String? = nil,
    support: OptionSupport = .works
  ) {
    self.init(
      name, documentation, default: standard, example: example, support: support, format: .whole(in: range))
  }
}

extension OptionKey where Value == Int? {
  /// Declares a whole number that may be missing.
  ///
  /// - Parameter range: All that it may be.
  public init(
    _ name: String, _ documentation: String, in range: ClosedRange<Int>, example: String? = nil,
    support: OptionSupport = .works
  ) {
    self.init(name, documentation, default: nil, example: example, support: support, format: .whole(in: range))
  }
}

extension OptionKey where Value == Double? {
  /// Declares a number, with a fraction or without, that may be missing.
  ///
  /// - Parameter range: All that it may be; its ends are whole.
  public init(_ name: String, _ documentation: String, in range: ClosedRange<Double>, example: String? = nil) {
    let ends = "from \(Int(range.lowerBound)) to \(Int(range.upperBound))"
    self.init(
      name, documentation, default: nil, example: example,
      format: OptionFormat(title: "a number \(ends)", suggestion: "Write a number \(ends)") {
        Double($0).map(range.contains) == true
      })
  }
}

extension OptionFormat {
  fileprivate static func whole(in range: ClosedRange<Int>) -> OptionFormat {
    let ends = "from \(range.lowerBound) to \(range.upperBound)"
    return OptionFormat(title: "a whole number \(ends)", suggestion: "Write a number \(ends)") {
      Int($0).map(range.contains) == true
    }
  }
}
