import CofferSystem
import FoundationEssentials
import Glibc

/// A point in time as it is written on a command line: a day, of which the end is meant, or a day and a time of it.
struct Moment: Sendable, Equatable {
  let date: Date

  /// - Parameter text: `2026-01-31`, `2026-01-31 03:00` or `2026-01-31T03:00:05`, of this machine's time zone; with a `Z` at
  ///   the end of UTC.
  init?(_ text: String) {
    let isUTC = text.ends(with: "Z") || text.ends(with: "z")
    let bytes = Array((isUTC ? String(text.dropLast()) : text).utf8)
    guard let given = Self.numbers(bytes) else { return nil }
    // Of a bare day the last second.
    let numbers = given.count == 3 ? given + [23, 59, 59] : given + (given.count == 5 ? [0] : [])
    guard (1...12).contains(numbers[1]), (1...31).contains(numbers[2]), numbers[3] < 24, numbers[4] < 60,
      numbers[5] < 60
    else { return nil }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (numbers[3], numbers[4], numbers[5], -1)
    let seconds = isUTC ? timegm(&parts) : mktime(&parts)
    // A day that its month does not have has become one of the next.
    guard parts.tm_mday == numbers[2] else { return nil }
    date = Date(timeIntervalSince1970: Double(seconds) + 0.999_999)
  }

  /// The numbers between the signs; nil where something else stands.
  private static func numbers(_ bytes: [UInt8]) -> [Int32]? {
    let shape = Array("0000-00-00 00:00:00".utf8)
    guard [10, 16, 19].contains(bytes.count) else { return nil }
    var numbers: [Int32] = [0]
    for (byte, sign) in zip(bytes, shape) {
      if sign == UInt8(ascii: "0") {
        guard (0x30...0x39).contains(byte) else { return nil }
        numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int32(byte - 0x30)
      } else {
        guard byte == sign || sign == UInt8(ascii: " ") && byte == UInt8(ascii: "T") else { return nil }
        numbers.append(0)
      }
    }
    return numbers
  }
}

extension FlagParser<Moment> {
  static let moment = FlagParser("a time like 2026-01-31 or '2026-01-31 03:00'") { Moment($0) }
}
