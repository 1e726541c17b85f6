import CofferSystem

/// How archives are named, with placeholders in braces. What nobody could name again on a command line is no name.
public struct ArchiveNameFormat: OptionText {
  public static let title = "a name of archives"
  public static let suggestion =
    "Write a text, for example {hostname}-{now}, without line breaks and other control characters"

  static let standard = ArchiveNameFormat(spelling: "{hostname}-{now:%Y-%m-%dT%H:%M:%S.%f}")

  /// As it was written.
  public let spelling: String

  private init(spelling: String) {
    self.spelling = spelling
  }

  public init?(_ text: String) {
    let bytes = text.utf8
    guard bytes.contains(where: { $0 != UInt8(ascii: " ") }), bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      return nil
    }
    spelling = text
  }
}
