import CofferSystem

/// Whether an INSERT holds nothing but what the dump programs write: names, values, and a few words. A server that lies
/// to a dump program, or a dump that was changed, can so bring in no function, no query and no other database.
struct RowCheck {
  /// Whether the values have begun; before them stand the table and its columns.
  private var isInValues = false
  /// Whether what came last, blanks aside, is a name.
  private var followsName = false
  private var isInNumber = false

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

  mutating func take(quote: UInt8) {
    followsName = quote == UInt8(ascii: "`") || quote == UInt8(ascii: "\"")
    isInNumber = false
  }

  func refuseComment() throws(StatementSplitter.Unreadable) {
    throw StatementSplitter.Unreadable(problem: "rows hold a comment, which dump programs do not write")
  }

  /// Takes what stands outside of quotes.
  ///
  /// - Returns: The length of what was taken; nil when more has to be seen.
  mutating func take(_ rest: UnsafeRawBufferPointer) throws(StatementSplitter.Unreadable) -> Int? {
    guard let byte = rest.first else { return nil }
    if isInNumber || (0x30...0x39).contains(byte) {
      // Numbers may be as long as values are: 0x... of a picture.
      let length = rest.firstIndex { !SQLLexemes.isOfWord($0) && $0 != UInt8(ascii: ".") } ?? rest.count
      isInNumber = length == rest.count
      followsName = false
      if length > 0 { return length }
    }
    if byte.isBlank { return 1 }
    if SQLLexemes.isOfWord(byte) { return try takeWord(rest) }
    let isAllowed = "(),+-.".utf8.contains(byte) && !(byte == UInt8(ascii: ".") && followsName)
    guard isAllowed else { throw Self.odd(rest.prefix(1)) }
    followsName = false
    return 1
  }

  private mutating func takeWord(_ rest: UnsafeRawBufferPointer) throws(StatementSplitter.Unreadable) -> Int? {
    guard let end = rest.firstIndex(where: { !SQLLexemes.isOfWord($0) }) else {
      guard rest.count < Self.longestWord else { throw Self.odd(rest.prefix(60)) }
      return nil
    }
    let word = String(decoding: rest[..<end], as: UTF8.self).uppercased()
    let isPrefix = Self.prefixes.contains(word) && rest[end] == UInt8(ascii: "'")
    let isKnown = isInValues ? Self.words.contains(word) || isPrefix : !Self.refused.contains(word)
    guard isKnown else { throw Self.odd(rest[..<end]) }
    if word == "VALUES" { isInValues = true }
    followsName = !isInValues
    return end
  }

  private static func odd(_ text: Slice<UnsafeRawBufferPointer>) -> StatementSplitter.Unreadable {
    let shown = String(decoding: text, as: UTF8.self)
    return StatementSplitter.Unreadable(problem: "rows hold '\(shown)', which dump programs do not write")
  }
}
