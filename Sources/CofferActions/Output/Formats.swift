import CofferSystem
import FoundationEssentials
import Glibc

/// Numbers and times as people read them.
enum Formats {
  static func size(_ bytes: UInt64) -> String { Quantities.size(bytes) }

  static func duration(_ seconds: Double) -> String { Quantities.duration(seconds) }

  /// As people say how long ago something was: `2 days`.
  static func age(_ seconds: Double) -> String {
    let units = [("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)]
    guard let (name, length) = units.first(where: { seconds >= $0.1 }) else { return "less than a minute" }
    let count = Int((seconds / length).rounded(.down))
    return "\(count) \(name)\(count == 1 ? "" : "s")"
  }

  /// ISO local time with microseconds and no zone, as scripts for Borg expect it.
  static func isoTime(_ date: Date) -> String {
    strftime("%Y-%m-%dT%H:%M:%S", date) + String(printf: ".%06d", microseconds(date))
  }

  static func time(_ date: Date) -> String {
    strftime("%a %Y-%m-%d %H:%M:%S", date)
  }

  /// The years 1 to 9999, in seconds since 1970: what is beyond comes from damage or malice.
  private static let seconds = -62_135_596_800.0...253_402_300_799.0

  private static func seconds(_ date: Date) -> Double {
    let value = date.timeIntervalSince1970
    return value.isNaN ? 0 : min(max(value, seconds.lowerBound), seconds.upperBound)
  }

  static func microseconds(_ date: Date) -> Int {
    let seconds = seconds(date)
    return min(Int((seconds - seconds.rounded(.down)) * 1e6), 999_999)
  }

  static func strftime(_ format: String, _ date: Date, utc: Bool = false) -> String {
    var seconds = time_t(Self.seconds(date).rounded(.down))
    var parts = tm()
    if utc { gmtime_r(&seconds, &parts) } else { localtime_r(&seconds, &parts) }
    var buffer = [CChar](repeating: 0, count: 512)
    let count = Glibc.strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The day of the week, here; 1 is Sunday.
  static func weekday(_ date: Date) -> Int {
    var (seconds, parts) = (time_t(seconds(date).rounded(.down)), tm())
    localtime_r(&seconds, &parts)
    return Int(parts.tm_wday) + 1
  }

  /// The beginning of the next day, here. It may be the second hour where clocks are put on at midnight.
  static func nextMidnight(_ date: Date) -> Date {
    var (seconds, parts) = (time_t(seconds(date).rounded(.down)), tm())
    localtime_r(&seconds, &parts)
    (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (0, 0, 0, -1)
    parts.tm_mday += 1
    let midnight = Date(timeIntervalSince1970: Double(mktime(&parts)))
    return midnight > date ? midnight : date.addingTimeInterval(3600)
  }

  /// The type and permissions as `ls -l` shows them.
  static func mode(_ type: Unicode.Scalar, _ mode: UInt32) -> String {
    var text = String(type)
    for shift in [6, 3, 0] as [UInt32] {
      let bits = mode >> shift & 7
      text += bits & 4 != 0 ? "r" : "-"
      text += bits & 2 != 0 ? "w" : "-"
      let isSpecial = shift == 0 ? mode & 0o1000 != 0 : mode & (shift == 6 ? 0o4000 : 0o2000) != 0
      let mark = shift == 0 ? "t" : "s"
      text += isSpecial ? (bits & 1 != 0 ? mark : mark.uppercased()) : (bits & 1 != 0 ? "x" : "-")
    }
    return text
  }

  /// Columns wide enough for their longest cell. Each cell stays on its line.
  static func table(_ rows: [[String]]) -> String {
    let rows = rows.map { $0.map { Quoting.terminal($0) } }
    guard let first = rows.first else { return "" }
    let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
      while let shorter = line.before(end: " ") { line = shorter }
      return line
    }.joined(separator: "\n")
  }
}
