import CofferSystem
import FoundationEssentials

/// Times as servers and files write them.
enum AWSTime {
  /// `20130524T000000Z`, in which requests are signed.
  static func compact(_ time: Date) -> String { time.compactUTC }

  /// `2013-05-24T00:00:00Z`.
  static func iso8601(_ time: Date) -> String { time.formatted(Date.ISO8601FormatStyle()) }

  /// Reads `2013-05-24T00:00:00Z`, with or without a fraction of a second.
  static func iso8601(_ text: String) -> Date? {
    let style = Date.ISO8601FormatStyle()
    return (try? style.parse(text))
      ?? (try? style.year().month().day().time(includingFractionalSeconds: true).parse(text))
  }

  /// Reads a date of HTTP: `Fri, 24 May 2013 00:00:00 GMT` (RFC 9110, 5.6.7).
  static func http(_ text: String) -> Date? {
    let words = text.parts(by: " ", keepingEmpty: false)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard words.count == 6, let month = months.firstIndex(of: words[2]), let day = Int(words[1]),
      (1...31).contains(day),
      let year = Int(words[3]), (1970...9999).contains(year), words[5] == "GMT" || words[5] == "UTC"
    else { return nil }
    func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    return iso8601("\(year)-\(padded(month + 1))-\(padded(day))T\(words[4])Z")
  }
}
