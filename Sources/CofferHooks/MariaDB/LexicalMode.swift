import CofferSystem

/// What a session's settings mean for how a server reads the statements in it.
struct LexicalMode: Sendable, Equatable {
  /// `NO_BACKSLASH_ESCAPES` is off.
  var escapesBackslash = true
  /// `ANSI_QUOTES`: a double quote encloses names.
  var quotesNames = false
  /// `ORACLE`: blocks are written otherwise.
  var isOracle = false
  var charset = WideCharset.none
  /// Whether bytes beyond ASCII are UTF-8, and therefore neither blanks nor control characters.
  var isUTF8 = true
  /// A byte beyond ASCII that servers take for a blank outside of quotes.
  private(set) var blank: UInt8?

  private static let modesWithQuotes = [
    "ANSI_QUOTES", "ANSI", "ORACLE", "DB2", "MAXDB", "MSSQL", "POSTGRESQL",
  ]

  /// - Parameter modes: A value of `sql_mode`, its names parted by commas.
  mutating func set(modes: String) {
    let names = modes.asciiUppercased.parts(by: ",").map(\.trimmed)
    escapesBackslash = !names.contains("NO_BACKSLASH_ESCAPES")
    isOracle = names.contains("ORACLE")
    quotesNames = names.contains(where: Self.modesWithQuotes.contains)
  }

  /// - Parameter name: A value of `character_set_client`.
  mutating func set(charset name: String) {
    charset = WideCharset(name)
    isUTF8 = ["utf8", "utf8mb3", "utf8mb4", "ascii"].contains(name.asciiLowercased)
    blank = isUTF8 || charset != .none ? nil : Self.blank(in: name.asciiLowercased)
  }

  /// The no-break space, which servers take for a blank where their tables of the character set call it one.
  private static func blank(in charset: String) -> UInt8? {
    switch charset {
    case "cp850", "cp852", "cp866", "keybcs2": 0xFF
    case "koi8r", "koi8u": 0x9A
    case "macroman", "macce": 0xCA
    case "binary": nil
    default: 0xA0
    }
  }

  func isEscaping(in quote: UInt8) -> Bool {
    escapesBackslash && quote != UInt8(ascii: "`") && !(quote == UInt8(ascii: "\"") && quotesNames)
  }
}

/// Character sets whose characters may hold, behind their first byte, what would be a sign of ASCII by itself: a
/// backslash or a backtick. In all others a byte below 128 is always that sign.
enum WideCharset: Sendable, Equatable {
  case none, big5, gbk, sjis, gb18030

  /// - Parameter name: As `SET NAMES` takes it.
  init(_ name: String) {
    self =
      switch name.asciiLowercased {
      case "big5": .big5
      case "gbk": .gbk
      case "sjis", "cp932": .sjis
      case "gb18030": .gb18030
      default: .none
      }
  }

  /// The length of the character at a position; 1 for what is none of several bytes.
  func length(at position: Int, of bytes: UnsafeRawBufferPointer) -> Int {
    guard self != .none, position + 1 < bytes.count, isLead(bytes[position]) else { return 1 }
    let second = bytes[position + 1]
    if self == .gb18030, (0x30...0x39).contains(second) {
      guard position + 3 < bytes.count, isLead(bytes[position + 2]), (0x30...0x39).contains(bytes[position + 3])
      else { return 1 }
      return 4
    }
    return isTrail(second) ? 2 : 1
  }

  private func isLead(_ byte: UInt8) -> Bool {
    switch self {
    case .none: false
    case .big5: (0xA1...0xF9).contains(byte)
    case .gbk, .gb18030: (0x81...0xFE).contains(byte)
    case .sjis: (0x81...0x9F).contains(byte) || (0xE0...0xFC).contains(byte)
    }
  }

  private func isTrail(_ byte: UInt8) -> Bool {
    switch self {
    case .none: false
    case .big5: (0x40...0x7E).contains(byte) || (0xA1...0xFE).contains(byte)
    case .gbk, .gb18030: (0x40...0x7E).contains(byte) || (0x80...0xFE).contains(byte)
    case .sjis: (0x40...0x7E).contains(byte) || (0x80...0xFC).contains(byte)
    }
  }
}
