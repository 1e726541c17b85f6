extension Quoting {
  /// A word as a POSIX shell reads it back: as it is where that is safe, else in single quotes.
  public static func shellWord(_ word: String) -> String {
    let isSafe = !word.isEmpty && word.utf8.allSatisfy { safeInShells.contains($0) }
    return isSafe ? word : enclosed(word, in: "'") { $0 == "'" ? "'\\''" : nil }
  }

  /// A word of a command that is shown to be pasted at a prompt. What a terminal would act upon is written as
  /// `$'...'`, which bash, zsh and ksh know; all other words are as `shellWord` has them.
  public static func pastedWord(_ word: String) -> String {
    guard word.unicodeScalars.contains(where: \.isUnfitForTerminals) else { return shellWord(word) }
    return enclosed(word, in: "$'", "'") { scalar in
      if scalar == "'" || scalar == "\\" { return "\\" + String(scalar) }
      guard scalar.isUnfitForTerminals else { return nil }
      return String(scalar).utf8.map { "\\x" + hexadecimal(Unicode.Scalar($0), digits: 2) }.joined()
    }
  }

  private static let safeInShells = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=".utf8)

  /// A value in libpq's connection strings (`dbname=...`).
  public static func connectionValue(_ text: String) -> String {
    enclosed(text, in: "'") { $0 == "'" || $0 == "\\" ? "\\" + String($0) : nil }
  }

  /// A value in the option files of MariaDB's and MySQL's clients. In quotes, neither `#` nor blanks mean anything.
  ///
  /// - Returns: nil for text that no option file can hold: with line breaks or the byte 0.
  public static func optionFileValue(_ text: String) -> String? {
    guard !text.unicodeScalars.contains(where: { $0 == "\n" || $0 == "\r" || $0 == "\0" }) else { return nil }
    return enclosed(text, in: "\"") { $0 == "\"" || $0 == "\\" ? "\\" + String($0) : nil }
  }
}

extension Quoting {
  /// A value in PostgreSQL's configuration files (`guc-file.l`): in single quotes, where a backslash begins an escape, and a line
  /// ends the string.
  public static func serverSetting(_ text: String) -> String {
    enclosed(text, in: "'") { scalar in
      switch scalar {
      case "'": "''"
      case "\\": "\\\\"
      case "\n": "\\n"
      case "\r": "\\r"
      default: nil
      }
    }
  }
}
