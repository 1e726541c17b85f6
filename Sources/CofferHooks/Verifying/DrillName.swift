import CofferSystem

/// What a database is called that a dump is restored to on a server of the user's own, to see whether that works.
///
/// `coffer_verify_`, sixteen hexadecimal digits that nobody can know beforehand, and eight that are computed of them: nobody has a database
/// of such a name by chance, and nothing of another name is ever removed.
struct DrillName: Equatable {
  /// The sixteen digits.
  let mark: String

  private static let prefix = "coffer_verify_"
  private static let digits = 16
  private static let checkDigits = 8

  init() {
    mark = Self.padded(UInt64.random(in: 0 ... .max), Self.digits)
  }

  /// - Returns: nil for any other name.
  init?(_ text: String) {
    guard let parts = text.after(beginning: Self.prefix)?.parts(by: "_"), parts.count == 2,
      parts[0].utf8.count == Self.digits, let number = UInt64(parts[0], radix: 16)
    else { return nil }
    mark = Self.padded(number, Self.digits)
    guard self.text.isSame(as: text) else { return nil }
  }

  var text: String { "\(Self.prefix)\(mark)_\(check)" }

  /// Says that a database of this name is still there.
  func remains(at place: String) -> String {
    "The database \(text) is left at \(place), or may be; the next verification there removes it"
  }

  private var check: String {
    var sum = CRC64()
    Array("\(Self.prefix)\(mark)".utf8).withUnsafeBytes { sum.update($0) }
    return Self.padded(sum.value & 0xffff_ffff, Self.checkDigits)
  }

  private static func padded(_ number: UInt64, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }
}
