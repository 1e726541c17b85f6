import CofferSystem
import FoundationEssentials
import Glibc

/// The ids of archives: when the record was written, in UTC to the second, and 16 hex digits.
public enum ArchiveID {
  /// For example `20261121t043709z-0123456789abcdef`.
  static func make(at time: Date, _ random: [UInt8]) -> String {
    "\(time.compactUTC.asciiLowercased)-\(Hexadecimal.encode(random))"
  }

  /// When an archive says that it was written, whose record cannot be read.
  ///
  /// - Returns: nil for what is no id.
  public static func time(of id: String) -> Date? {
    let bytes = Array(id.utf8.prefix(17))
    func number(_ range: Range<Int>) -> Int32? { Int32(String(decoding: bytes[range], as: UTF8.self)) }
    guard bytes.count == 17, bytes[8] == UInt8(ascii: "t"), bytes[15] == UInt8(ascii: "z"),
      bytes[16] == UInt8(ascii: "-"), let year = number(0..<4), let month = number(4..<6), let day = number(6..<8),
      let hour = number(9..<11), let minute = number(11..<13), let second = number(13..<15)
    else { return nil }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second)
    return Date(timeIntervalSince1970: TimeInterval(timegm(&parts)))
  }
}
