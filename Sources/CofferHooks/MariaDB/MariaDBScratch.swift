import CofferSystem

/// Names of the databases that a restore works in.
enum MariaDBScratch {
  /// What a database is for.
  enum Use: String, CaseIterable {
    /// Takes the dump, until it takes the target's place.
    case new
    /// Keeps what the target held, until the restore is done.
    case old
  }

  private static let prefix = "coffer_"

  /// - Parameter mark: What is the run's own.
  static func name(_ mark: String, _ number: Int, _ use: Use) -> String {
    "\(prefix)\(mark)_\(number)_\(use.rawValue)"
  }

  /// Sixteen hexadecimal digits that nobody can know beforehand.
  static func mark() -> String {
    let text = String(UInt64.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: 16 - text.utf8.count) + text
  }

  /// Whether a database is one of these, of whichever run.
  static func isOne(_ name: String) -> Bool {
    let parts = name.parts(by: "_")
    return parts.count == 4 && parts[0].isSame(as: "coffer") && [8, 16].contains(parts[1].utf8.count)
      && parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
      && Int(parts[2]) != nil && Use(rawValue: parts[3]) != nil
  }

  /// Rights on the databases of this name, for a user who may not do everything.
  static let pattern = "`coffer\\_%`.*"
}
