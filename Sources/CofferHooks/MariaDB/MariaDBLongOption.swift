import CofferSystem

/// A long option as clients of MariaDB and MySQL read it: in any case, with either sign between words, by the beginning of its name,
/// and with words before it that turn it on or off.
///
/// Source of the rules: mysys/my_getopt.c.
struct MariaDBLongOption {
  let value: String?
  /// Whether it is turned on, of one that is on or off.
  let isOn: Bool
  private let name: String

  /// - Returns: nil for a word that is none.
  init?(_ word: String) {
    guard let long = word.after(beginning: "--"), !long.isEmpty else { return nil }
    let parts = long.parts(by: "=", limit: 2)
    let value = parts.count == 2 ? parts[1] : nil
    var name = parts[0].asciiLowercased.swapping("_", for: "-")
    var isOn = !["0", "off", "false"].contains { value?.asciiLowercased.isSame(as: $0) == true }
    while let (isOff, rest) = Self.switched(name) {
      name = rest
      // With a nought behind it, what turns off turns on.
      if isOff { isOn = value?.isSame(as: "0") == true }
    }
    self.value = value
    self.name = name
    self.isOn = isOn
  }

  /// - Returns: Whether the word at the beginning turns off, and what is behind it.
  private static func switched(_ name: String) -> (isOff: Bool, rest: String)? {
    for (word, isOff) in [("skip-", true), ("disable-", true), ("enable-", false), ("loose-", false)] {
      if let rest = name.after(beginning: word), !rest.isEmpty { return (isOff, rest) }
    }
    return nil
  }

  /// Whether the programs take it for the option of that name, or refuse it because it could be another one as well.
  ///
  /// - Parameter least: What is too short to be said of it.
  func stands(for option: String, from least: String = "") -> Bool {
    !name.isEmpty && name.begins(with: least) && option.begins(with: name)
  }
}
