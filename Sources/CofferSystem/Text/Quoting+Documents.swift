extension Quoting {
  /// A text as YAML in double quotes, in which nothing but the printable part of ASCII stands as it is.
  public static func yaml(_ text: String) -> String {
    "\""
      + text.unicodeScalars.map { scalar in
        switch scalar {
        case "\"", "\\": "\\" + String(scalar)
        case "\n": "\\n"
        case "\t": "\\t"
        case " "..."~": String(scalar)
        default:
          scalar.value > 0xffff
            ? "\\U" + hexadecimal(scalar, digits: 8)
            : scalar.value > 0xff ? "\\u" + hexadecimal(scalar, digits: 4) : "\\x" + hexadecimal(scalar, digits: 2)
        }
      }.joined() + "\""
  }

  /// The value of a label in Prometheus's text format, with its quotes.
  /// (https://prometheus.io/docs/instrumenting/exposition_formats/)
  public static func prometheusValue(_ text: String) -> String {
    enclosed(text, in: "\"") { scalar in
      switch scalar {
      case "\\": "\\\\"
      case "\"": "\\\""
      case "\n": "\\n"
      // Readers that cut at every kind of line break would see another line.
      case "\r": " "
      default: nil
      }
    }
  }

  /// Text in HTML or SVG, between tags or as an attribute in quotes: a name is shown, and is never markup, a script, or what
  /// turns the direction of writing.
  public static func html(_ text: String) -> String {
    enclosed(terminal(text), in: "") { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      default: nil
      }
    }
  }

  /// A part of a URL: everything that is not unreserved (RFC 3986, 2.3) is percent-encoded.
  public static func urlPart(_ text: String) -> String {
    text.utf8.map { byte in
      let isPlain = unreserved.contains(byte)
      return isPlain ? String(Unicode.Scalar(byte)) : "%" + hexadecimal(Unicode.Scalar(byte), digits: 2).uppercased()
    }.joined()
  }

  private static let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)

  /// Text for a header of a mail: one line, in which control characters are blanks. Its encoding is the mail's own matter.
  public static func headerLine(_ text: String) -> String {
    var line = ""
    var last: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      let isBreak = scalar.properties.generalCategory == .control || scalar == "\u{2028}" || scalar == "\u{2029}"
      if !(isBreak && scalar == "\n" && last == "\r") { line.unicodeScalars.append(isBreak ? " " : scalar) }
      last = scalar
    }
    return line
  }

  /// A JSON document of the same meaning that nothing in it steers a terminal. Encoders escape the controls of ASCII only.
  ///
  /// - Parameter document: Well-formed, on one line: what is unfit for terminals can stand in its texts only.
  public static func jsonDocument(_ document: String) -> String {
    guard document.unicodeScalars.contains(where: \.isUnfitForTerminals) else { return document }
    var result = ""
    for scalar in document.unicodeScalars {
      if scalar.isUnfitForTerminals {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
