import CofferSystem

/// A whole number of hundredths, from 0 to 100.
public struct Percentage: OptionValue, Equatable {
  public static let kind = OptionKind.integer
  public static let format: OptionFormat? = OptionFormat(
    title: "a percentage", suggestion: "Write a number from 0 to 100"
  ) { Int($0).flatMap { Percentage($0) } != nil }

  public static let tenth = Percentage(checked: 10)

  public let value: Int

  private init(checked value: Int) {
    self.value = value
  }

  /// - Returns: nil for a number that is none.
  public init?(_ value: Int) {
    guard (0...100).contains(value) else { return nil }
    self.init(checked: value)
  }

  public init?(section node: ConfigurationNode) {
    guard let value = node.node.integer else { return nil }
    self.init(value)
  }

  public var spelling: String { String(value) }
}
