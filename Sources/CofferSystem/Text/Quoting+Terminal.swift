extension Quoting {
  /// Text for a terminal, a log or a mail, in which nothing steers what shows it.
  ///
  /// - Parameter keepingLines: Whether line breaks and tabs stay, for texts of several lines of our own.
  /// - Returns: The text with control characters, escapes, line breaks, and what changes the direction of writing or
  ///   cannot be seen, written out: `\n`, `\x1b`, `\u{202e}`.
  public static func terminal(_ text: String, keepingLines: Bool = false) -> String {
    guard text.unicodeScalars.contains(where: \.isUnfitForTerminals) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if !scalar.isUnfitForTerminals || keepingLines && (scalar == "\n" || scalar == "\t") {
        result.unicodeScalars.append(scalar)
      } else {
        result += shown(scalar)
      }
    }
    return result
  }

  private static func shown(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default:
      scalar.value < 0x100
        ? "\\x" + hexadecimal(scalar, digits: 2) : "\\u{" + hexadecimal(scalar, digits: 4) + "}"
    }
  }
}

extension Unicode.Scalar {
  /// Whether the scalar is not to be shown as it is: controls (C0, DEL, C1), line and paragraph separators, and formats
  /// such as bidirectional overrides and tags. Joiners stay: scripts and emoji need them.
  var isUnfitForTerminals: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
    case .format: self != "\u{200c}" && self != "\u{200d}"
    default: false
    }
  }
}
