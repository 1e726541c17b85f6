import CofferSystem
import Glibc

/// Reads a script line by line as psql does (psqlscan.l), to know what of it is SQL, what is text, and what is for psql.
///
/// The words of a program that reads the same bytes differently are what an attacker looks for. Where versions of psql, or
/// settings that a script can change unseen, make a difference, the scanner says that the script is ambiguous.
struct ScriptScanner {
  /// What somebody who runs scripts of others does not want to find.
  enum Finding: Equatable {
    /// A command of psql's own, such as `\!`.
    case metaCommand
    /// What two versions of psql, or psql and the server, may read differently.
    case ambiguity
    /// A byte that no server keeps in a text, and behind which psql does not see the rest of a line.
    case zeroByte
  }

  enum Place: Equatable {
    case code
    /// Up to the same quote; a doubled one stands for itself.
    case quoted(UInt8)
    /// As `quoted("'")`, with backslashes that take the meaning from what follows.
    case escaped
    /// Up to the same tag, dollar signs included.
    case dollars([UInt8])
    case comment(depth: Int)
    /// The rows of COPY.
    case rows
  }

  private(set) var place = Place.code
  /// How many statements have ended.
  private(set) var ended = 0
  private var words = StatementWords()
  /// Whether the statement has begun.
  private var isInStatement = false
  /// Whether the last thing before here was an escaped text, which a line break may continue.
  private var followsEscaped = false

  /// What was found on the last line: a zero byte rather than all else; a command, behind which nothing is read, rather
  /// than an ambiguity before it.
  private(set) var finding: Finding?

  /// Whether the next line begins where a statement may begin, rather than within one, a text, a comment, or rows.
  var isBetweenStatements: Bool { place == .code && !isInStatement }

  /// Whether the next line is a row, or the end of rows.
  var isInRows: Bool { place == .rows }

  /// - Parameter line: With its newline, if it has one.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    finding = line.baseAddress.flatMap { memchr($0, 0, line.count) } == nil ? nil : .zeroByte
    if place == .rows {
      if line.elementsEqual("\\.\n".utf8) || line.elementsEqual("\\.\r\n".utf8) { place = .code }
      return
    }
    followsEscaped = false
    var position = 0
    while position < line.count {
      switch place {
      case .code: position = takeCode(line, position)
      case .quoted(let quote): position = takeQuoted(line, position, quote)
      case .escaped: position = takeEscaped(line, position)
      case .dollars(let tag): position = takeDollars(line, position, tag)
      case .comment(let depth): position = takeComment(line, position, depth)
      case .rows: return
      }
    }
  }

  private mutating func note(_ new: Finding) {
    if finding == nil || finding == .ambiguity && new == .metaCommand { finding = new }
  }

  // MARK: - Code

  /// - Returns: The position after what was taken.
  private mutating func takeCode(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    let byte = line[position]
    if byte.isBlank {
      if byte == Sign.carriageReturn, followsEscaped { note(.ambiguity) }
      return position + 1
    }
    let next = position + 1 < line.count ? line[position + 1] : 0
    if byte == Sign.minus, next == Sign.minus { return Self.endOfComment(line, position) }
    if byte == Sign.slash, next == Sign.star {
      place = .comment(depth: 1)
      return position + 2
    }
    followsEscaped = false
    guard byte != Sign.semicolon else { return endStatement(line, position) }
    isInStatement = true
    if byte >= 0x80 { note(.ambiguity) }
    switch byte {
    case Sign.quote, Sign.doubleQuote: place = .quoted(byte)
    case Sign.backslash:
      note(.metaCommand)
      isInStatement = !words.isEmpty
      return line.count
    case Sign.dollar: return takeDollar(line, position)
    case Sign.open, Sign.close:
      words.takeParenthesis(byte)
      return position + 1
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return takeNumber(line, position)
    default:
      if Self.isNameStart(byte) { return takeWord(line, position) }
    }
    words.takeOther()
    return position + 1
  }

  /// Comments end where a line does for the lexer, and that is also at a CR.
  private static func endOfComment(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    line[position...].firstIndex { $0 == Sign.carriageReturn || $0 == Sign.newline } ?? line.count
  }

  private mutating func endStatement(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    guard words.canEnd else {
      words.takeOther()
      return position + 1
    }
    ended += 1
    let isCopy = words.isCopyFromInput
    words = StatementWords()
    isInStatement = false
    guard isCopy else { return position + 1 }
    // What follows on the same line is no row for psql, which has read the line, and nothing that pg_dump writes.
    if !line[(position + 1)...].allSatisfy(\.isBlank) { note(.ambiguity) }
    place = .rows
    return line.count
  }

  private mutating func takeWord(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    let next = position + 1 < line.count ? line[position + 1] : 0
    switch line[position] | 0x20 {
    case UInt8(ascii: "e") where next == Sign.quote:
      place = .escaped
      words.takeOther()
      return position + 2
    case UInt8(ascii: "b") where next == Sign.quote, UInt8(ascii: "x") where next == Sign.quote,
      UInt8(ascii: "n") where next == Sign.quote:
      place = .quoted(Sign.quote)
      words.takeOther()
      return position + 2
    default: break
    }
    var end = position
    while end < line.count, PostgreSQLText.isNamePart(line[end]) { end += 1 }
    words.take(UnsafeRawBufferPointer(rebasing: line[position..<end]))
    return end
  }

  /// What directly follows a number belongs to it in some versions and not in others.
  private mutating func takeNumber(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    words.takeOther()
    var end = position
    while end < line.count, PostgreSQLText.isDigit(line[end]) { end += 1 }
    guard end < line.count, PostgreSQLText.isNamePart(line[end]) else { return end }
    var exponent = end + 1
    if exponent < line.count, line[exponent] == Sign.minus || line[exponent] == UInt8(ascii: "+") { exponent += 1 }
    let hasExponent =
      line[end] | 0x20 == UInt8(ascii: "e") && exponent < line.count && PostgreSQLText.isDigit(line[exponent])
    guard hasExponent else {
      note(.ambiguity)
      return end
    }
    return exponent
  }

  private mutating func takeDollar(_ line: UnsafeRawBufferPointer, _ position: Int) -> Int {
    words.takeOther()
    guard let tag = Self.tag(line, position) else {
      var end = position + 1
      while end < line.count, PostgreSQLText.isDigit(line[end]) { end += 1 }
      if end > position + 1, end < line.count, PostgreSQLText.isNamePart(line[end]) { note(.ambiguity) }
      return end
    }
    place = .dollars(tag)
    return position + tag.count
  }

  private static func tag(_ line: UnsafeRawBufferPointer, _ start: Int) -> [UInt8]? {
    var end = start + 1
    if end < line.count, isNameStart(line[end]) {
      while end < line.count, line[end] != Sign.dollar, PostgreSQLText.isNamePart(line[end]) { end += 1 }
    }
    return end < line.count && line[end] == Sign.dollar ? Array(line[start...end]) : nil
  }

  // MARK: - Texts

  private mutating func takeQuoted(_ line: UnsafeRawBufferPointer, _ start: Int, _ quote: UInt8) -> Int {
    guard let end = line[start...].firstIndex(of: quote) else { return line.count }
    // With standard_conforming_strings off, an odd number of backslashes would take the quote's meaning.
    if quote == Sign.quote, line[start..<end].reversed().prefix(while: { $0 == Sign.backslash }).count % 2 == 1 {
      note(.ambiguity)
    }
    if end + 1 < line.count, line[end + 1] == quote { return end + 2 }
    place = .code
    words.takeOther()
    return end + 1
  }

  private mutating func takeEscaped(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
    var position = start
    while position < line.count {
      switch line[position] {
      case Sign.backslash:
        // In encodings where a character may end with a byte of ASCII, this may be no backslash.
        if position > 0, line[position - 1] >= 0x80,
          line[position...].drop(while: { $0 == Sign.backslash }).first == Sign.quote
        {
          note(.ambiguity)
        }
        position += 2
      case Sign.quote where position + 1 < line.count && line[position + 1] == Sign.quote: position += 2
      case Sign.quote:
        place = .code
        followsEscaped = true
        return position + 1
      default: position += 1
      }
    }
    return line.count
  }

  private mutating func takeDollars(_ line: UnsafeRawBufferPointer, _ start: Int, _ tag: [UInt8]) -> Int {
    var position = start
    while let found = line[position...].firstIndex(of: Sign.dollar) {
      if line[found...].starts(with: tag) {
        place = .code
        return found + tag.count
      }
      position = found + 1
    }
    return line.count
  }

  private mutating func takeComment(_ line: UnsafeRawBufferPointer, _ position: Int, _ depth: Int) -> Int {
    let next = position + 1 < line.count ? line[position + 1] : 0
    if line[position] == Sign.star, next == Sign.slash {
      place = depth == 1 ? .code : .comment(depth: depth - 1)
      return position + 2
    }
    if line[position] == Sign.slash, next == Sign.star {
      place = .comment(depth: depth + 1)
      return position + 2
    }
    return position + 1
  }

  // MARK: - Bytes

  private enum Sign {
    static let quote = UInt8(ascii: "'")
    static let doubleQuote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let dollar = UInt8(ascii: "$")
    static let semicolon = UInt8(ascii: ";")
    static let minus = UInt8(ascii: "-")
    static let slash = UInt8(ascii: "/")
    static let star = UInt8(ascii: "*")
    static let open = UInt8(ascii: "(")
    static let close = UInt8(ascii: ")")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
  }

  private static func isNameStart(_ byte: UInt8) -> Bool {
    PostgreSQLText.isNamePart(byte) && !PostgreSQLText.isDigit(byte) && byte != UInt8(ascii: "$")
  }
}
