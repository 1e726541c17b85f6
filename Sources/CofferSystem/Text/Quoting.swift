/// Text as other programs read it back unchanged: the only place where text from outside becomes part of a language.
///
/// Every function works on scalars. No language here can hold the byte 0; it becomes U+FFFD, so that a name which holds it is
/// another name, instead of a shorter one.
public enum Quoting {
  /// Encloses a text, putting something else in place of some of its scalars.
  static func enclosed(
    _ text: String, in begin: String, _ end: String? = nil, _ replacement: (Unicode.Scalar) -> String?
  ) -> String {
    var result = begin
    for scalar in text.unicodeScalars {
      if scalar == "\0" {
        result.unicodeScalars.append("\u{fffd}")
      } else if let other = replacement(scalar) {
        result += other
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result + (end ?? begin)
  }

  /// Encloses a text in a quote that is doubled where it stands inside.
  static func doubling(_ quote: Unicode.Scalar, _ text: String) -> String {
    let sign = String(quote)
    return enclosed(text, in: sign) { $0 == quote ? sign + sign : nil }
  }

  static func hexadecimal(_ scalar: Unicode.Scalar, digits: Int) -> String {
    let text = String(scalar.value, radix: 16)
    return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
  }
}
