import CofferSystem
import FoundationEssentials
import Glibc

/// A plain-text mail.
public struct MailMessage: Sendable, Equatable {
  /// An address, with or without a name: `Backup <backup@example.org>`.
  public var from: String
  public var recipients: [String]
  public var subject: String
  public var body: String
  public var date: Date
  /// Without the angle brackets.
  public var identifier: String

  /// The bare addresses, as the mail server wants them.
  var envelope: (from: String, recipients: [String]) {
    (Self.address(from), recipients.map(Self.address))
  }

  /// The mail as it is sent: headers, an empty line, and the text, with CR LF at each line's end.
  var bytes: [UInt8] {
    let headers = [
      "Date: \(Self.dateText(date))", "From: \(Self.mailbox(from))",
      "To: \(recipients.map(Self.mailbox).joined(separator: ",\r\n "))", "Subject: \(Self.encoded(subject))",
      "Message-ID: <\(Quoting.headerLine(identifier))>", "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable",
      // Keeps out-of-office replies away.
      "Auto-Submitted: auto-generated",
    ]
    return Array((headers.joined(separator: "\r\n") + "\r\n\r\n" + QuotedPrintable.encode(body)).utf8)
  }

  /// What is between angle brackets, or all of it.
  static func address(_ text: String) -> String {
    let inner = text.parts(by: "<", keepingEmpty: false).last?.parts(by: ">", limit: 2)[0] ?? ""
    return Quoting.headerLine(inner).trimmed
  }

  private static func mailbox(_ text: String) -> String {
    let parts = text.parts(by: "<", limit: 2)
    guard parts.count > 1 else { return address(text) }
    let name = parts[0].trimmed
    return name.isEmpty ? "<\(address(text))>" : "\(encoded(name)) <\(address(text))>"
  }

  /// Text for a header: encoded words where it is not plain ASCII.
  static func encoded(_ text: String) -> String {
    let line = Quoting.headerLine(text)
    guard !line.utf8.allSatisfy({ (32..<127).contains($0) }) || line.holds("=?") else { return line }
    var words: [String] = []
    var word = ""
    for scalar in line.unicodeScalars {
      // An encoded word has at most 75 characters.
      if word.utf8.count + String(scalar).utf8.count > 45 {
        words.append(word)
        word = ""
      }
      word.unicodeScalars.append(scalar)
    }
    return (words + [word]).map { "=?utf-8?B?\(Data($0.utf8).base64EncodedString())?=" }.joined(separator: "\r\n ")
  }

  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// In UTC, and in English whatever the locale is.
  private static func dateText(_ date: Date) -> String {
    let parts = date.partsInUTC
    let day = "\(days[Int(parts.tm_wday)]), \(parts.tm_mday) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
    return day + String(printf: " %02d:%02d:%02d +0000", parts.tm_hour, parts.tm_min, parts.tm_sec)
  }
}

/// The encoding that keeps text readable, and its lines short enough for every mail server.
enum QuotedPrintable {
  private static let lineLimit = 75

  static func encode(_ text: String) -> String {
    // A line break at the very end ends the last line; it begins none.
    (text.lines(keepingEmpty: true) + (text.ends(with: "\n") ? [""] : [])).map { encode(line: Array($0.utf8)) }
      .joined(separator: "\r\n")
  }

  private static func encode(line bytes: [UInt8]) -> String {
    var result = ""
    var length = 0
    for (position, byte) in bytes.enumerated() {
      let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
      let isPlain = (33...126).contains(byte) && byte != UInt8(ascii: "=")
      let token =
        isPlain || isBlank && position + 1 < bytes.count
        ? String(UnicodeScalar(byte)) : String(printf: "=%02X", byte)
      if length + token.utf8.count > lineLimit {
        result += "=\r\n"
        length = 0
      }
      result += token
      length += token.utf8.count
    }
    return result
  }
}
