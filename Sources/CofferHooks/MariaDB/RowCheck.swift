import CofferSystem

/// Whether bytes are a number as dump programs write them: `12`, `1.5`, `2e-10`, `0x1F`, `0b101`.
private struct NumberCheck {
  private enum Part {
    case start, zero, integer, point, fraction, exponentMark, exponentSign, exponent, hexMark, hex, binaryMark, binary
  }

  private var part = Part.start

  /// Whether the number may end here.
  var isWhole: Bool {
    switch part {
    case .zero, .integer, .fraction, .exponent, .hex, .binary: true
    case .start, .point, .exponentMark, .exponentSign, .hexMark, .binaryMark: false
    }
  }

  /// - Returns: Whether the byte is a part of it.
  mutating func take(_ byte: UInt8) -> Bool {
    let next: Part? =
      switch (part, byte) {
      case (.start, 0x30): .zero
      case (.start, 0x31...0x39), (.zero, 0x30...0x39), (.integer, 0x30...0x39): .integer
      case (.zero, UInt8(ascii: ".")), (.integer, UInt8(ascii: ".")): .point
      case (.point, 0x30...0x39), (.fraction, 0x30...0x39): .fraction
      case (.zero, UInt8(ascii: "e")), (.zero, UInt8(ascii: "E")), (.integer, UInt8(ascii: "e")),
        (.integer, UInt8(ascii: "E")), (.fraction, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "E")):
        .exponentMark
      case (.exponentMark, UInt8(ascii: "+")), (.exponentMark, UInt8(ascii: "-")): .exponentSign
      case (.exponentMark, 0x30...0x39), (.exponentSign, 0x30...0x39), (.exponent, 0x30...0x39): .exponent
      case (.zero, UInt8(ascii: "x")): .hexMark
      case (.hexMark, 0x30...0x39), (.hexMark, 0x41...0x46), (.hexMark, 0x61...0x66), (.hex, 0x30...0x39),
        (.hex, 0x41...0x46), (.hex, 0x61...0x66):
        .hex
      case (.zero, UInt8(ascii: "b")): .binaryMark
      case (.binaryMark, 0x30...0x31), (.binary, 0x30...0x31): .binary
      default: nil
      }
    guard let next else { return false }
    part = next
    return true
  }
}

/// Whether an INSERT holds nothing but what the dump programs write: names, values, and a few words. A server that lies
/// to a dump program, or a dump that was changed, can so bring in no function, no query and no other database.
struct RowCheck {
  /// Whether the values have begun; before them stand the table and its columns.
  private(set) var isInValues = false
  /// How many rows have begun: parentheses stand around each, and nowhere else among values.
  private(set) var rowCount: UInt64 = 0
  /// Whether what came last, blanks aside, is a name.
  private var followsName = false
  /// Whether what came last, blanks aside, is a value: a parenthesis behind it would make a call of it.
  private var followsValue = false
  private var number: NumberCheck?

  private static let words: Set<String> = [
    "NULL", "TRUE", "FALSE", "_BINARY", "_UTF8MB4", "_UTF8MB3", "_UTF8", "_LATIN1", "_ASCII",
  ]
  /// Words that are a part of the text in quotes behind them.
  private static let prefixes: Set<String> = ["X", "B", "N"]
  /// What would make another statement of it.
  private static let refused: Set<String> = [
    "SELECT", "SET", "TABLE", "WITH", "FROM", "VALUE", "PARTITION", "EXECUTE", "RETURNING",
  ]
  private static let longestWord = 300

  mutating func take(quote: UInt8) throws(StatementSplitter.Unreadable) {
    let isName = quote == UInt8(ascii: "`")
    if isInValues, isName { throw StatementSplitter.Unreadable(problem: "values of rows hold a name in quotes") }
    followsName = isName || quote == UInt8(ascii: "\"")
    followsValue = isInValues
    number = nil
  }

  func refuseComment() throws(StatementSplitter.Unreadable) {
    throw StatementSplitter.Unreadable(problem: "rows hold a comment, which dump programs do not write")
  }

  /// Takes what stands outside of quotes.
  ///
  /// - Parameter isUTF8: Whether bytes beyond ASCII are UTF-8, all of whose signs are letters to the server.
  /// - Returns: The length of what was taken; nil when more has to be seen.
  mutating func take(
    _ rest: UnsafeRawBufferPointer, isUTF8: Bool
  ) throws(StatementSplitter.Unreadable) -> Int? {
    guard let byte = rest.first else { return nil }
    // Before the values digits can only begin a name.
    if number != nil || (isInValues && (0x30...0x39).contains(byte)) { return try takeNumber(rest) }
    if byte.isBlank { return 1 }
    if SQLLexemes.isOfWord(byte) { return try takeWord(rest, isUTF8) }
    let isQualified = byte == UInt8(ascii: ".") && followsName
    let isCall = byte == UInt8(ascii: "(") && followsValue
    guard "(),+-.".utf8.contains(byte), !isQualified, !isCall else { throw Self.odd(rest.prefix(1)) }
    if isInValues, byte == UInt8(ascii: "(") { rowCount += 1 }
    followsName = false
    followsValue = false
    return 1
  }

  /// Numbers may be as long as values are: 0x... of a picture. What only begins as one is a name, of a function as well.
  private mutating func takeNumber(_ rest: UnsafeRawBufferPointer) throws(StatementSplitter.Unreadable) -> Int {
    var check = number ?? NumberCheck()
    followsName = false
    followsValue = true
    for (length, byte) in rest.enumerated() where !check.take(byte) {
      guard check.isWhole, !SQLLexemes.isOfWord(byte) else { throw Self.odd(rest.prefix(60)) }
      number = nil
      return length
    }
    number = check
    return rest.count
  }

  private mutating func takeWord(
    _ rest: UnsafeRawBufferPointer, _ isUTF8: Bool
  ) throws(StatementSplitter.Unreadable) -> Int? {
    guard let end = rest.firstIndex(where: { !SQLLexemes.isOfWord($0) }) else {
      guard rest.count < Self.longestWord else { throw Self.odd(rest.prefix(60)) }
      return nil
    }
    let word = String(decoding: rest[..<end], as: UTF8.self).asciiUppercased
    let isPrefix = Self.prefixes.contains(word) && rest[end] == UInt8(ascii: "'")
    // In other character sets one of its bytes may be a blank to the server, behind which another word begins.
    let isASCII = rest[..<end].allSatisfy { $0 < 0x80 }
    guard isASCII || isUTF8 && String(validating: rest[..<end], as: UTF8.self) != nil else {
      throw Self.odd(rest[..<end])
    }
    let isKnown = isInValues ? Self.words.contains(word) || isPrefix : !Self.refused.contains(word)
    guard isKnown else { throw Self.odd(rest[..<end]) }
    followsValue = isInValues
    if word == "VALUES" { isInValues = true }
    followsName = !isInValues
    return end
  }

  private static func odd(_ text: Slice<UnsafeRawBufferPointer>) -> StatementSplitter.Unreadable {
    let shown = String(decoding: text, as: UTF8.self)
    return StatementSplitter.Unreadable(problem: "rows hold '\(shown)', which dump programs do not write")
  }
}
