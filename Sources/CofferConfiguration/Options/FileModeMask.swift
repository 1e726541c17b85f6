import CofferSystem

/// What is taken from the modes of files that are made. Its digits are octal ones, but YAML reads them as decimal ones.
public struct FileModeMask: OptionValue, Equatable {
  public static let kind = OptionKind.integer
  public static let format: OptionFormat? = OptionFormat(
    title: "a file mode mask", suggestion: "Write up to three octal digits, for example 77"
  ) { Int($0).flatMap { FileModeMask(digits: $0) } != nil }

  /// As written in decimal, meant in octal: 77 for 0o077.
  public let digits: Int

  /// - Returns: nil when the digits are no octal ones, or too many.
  public init?(digits: Int) {
    guard let mask = Int(String(digits), radix: 8), (0...0o777).contains(mask) else { return nil }
    self.digits = digits
  }

  public init?(section node: ConfigurationNode) {
    guard let digits = node.node.integer else { return nil }
    self.init(digits: digits)
  }

  public var spelling: String { String(digits) }
}
