import CofferSystem

/// A word, something in quotes, a number, or a sign of a statement.
struct SQLLexeme: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// In capital letters. Of nothing but ASCII, as all words of the language are: what is not, is a name.
    case word(String)
    /// In quotes that are for names, without them; or not in quotes, with a sign in it that no word has.
    case name(String)
    /// In quotes that are for text; without them, escapes as they stand.
    case text(String)
    case number
    case sign(UInt8)
  }

  let content: Content
  /// Where it stands in the statement.
  let range: Range<Int>
  /// The number of the comment that it stands in, where that is for some servers only; see `ConditionalComment`.
  var condition: Int?

  var word: String? { if case .word(let word) = content { word } else { nil } }
  var name: String? { if case .name(let name) = content { name } else { nil } }

  func isWord(_ word: String) -> Bool { content == .word(word) }
  func isSign(_ sign: Unicode.Scalar) -> Bool { content == .sign(UInt8(ascii: sign)) }
}

/// A statement's lexemes, as the server finds them. Comments are none; comments for the server are open: only their
/// marks are left out.
struct SQLLexemes {
  private(set) var all: [SQLLexeme] = []
  /// Whether the byte 0 stands outside of quotes, where it ends comments and statements.
  private(set) var holdsZero = false
  /// Whether a quote or a comment is not closed.
  private(set) var isOpen = false
  /// Whether a client could see another end of the statement than the server does.
  private(set) var isAmbiguous = false
  /// Whether a server that passes over a comment for others could see another end of it.
  private(set) var isUneven = false

  var words: [String] { all.compactMap(\.word) }

  private let mode: LexicalMode
  /// The comments for the server that are open.
  private var open: [ConditionalComment?] = []
  private var conditions = 0

  init(_ text: [UInt8], _ mode: LexicalMode) {
    self.mode = mode
    text.withUnsafeBytes { read($0) }
    if open.contains(where: { $0 != nil }) { isUneven = true }
  }

  private mutating func read(_ text: UnsafeRawBufferPointer) {
    var position = 0
    while position < text.count {
      let byte = text[position]
      let next = position + 1 < text.count ? text[position + 1] : 0
      switch byte {
      case UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "'"): readQuoted(text, &position, byte)
      case UInt8(ascii: "#"): skipLine(text, &position)
      case UInt8(ascii: "-") where next == byte && Self.endsDashes(position + 2 < text.count ? text[position + 2] : 10):
        // To the server any control character makes it a comment, to clients only white space does.
        if position + 2 < text.count, !text[position + 2].isBlank { isAmbiguous = true }
        skipLine(text, &position)
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"): readComment(text, &position)
      case UInt8(ascii: "*") where next == UInt8(ascii: "/") && !open.isEmpty:
        if let comment = open.removeLast(), comment.end != position { isUneven = true }
        position += 2
      case 0:
        holdsZero = true
        position += 1
      case 1...0x20: position += 1
      case 0x80... where byte == mode.blank: position += 1
      default: readPlain(text, &position, byte)
      }
    }
  }

  static func endsDashes(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F }

  private mutating func readPlain(_ text: UnsafeRawBufferPointer, _ position: inout Int, _ byte: UInt8) {
    let start = position
    if Self.isOfWord(byte) {
      // Newer servers of MySQL have quotes of this kind.
      if byte == UInt8(ascii: "$") { isAmbiguous = true }
      while position < text.count, Self.isOfWord(text[position]), text[position] != mode.blank {
        let length = mode.charset.length(at: position, of: text)
        noteWide(text, position, length)
        position += length
      }
      let bytes = text[start..<min(position, text.count)]
      let string = String(decoding: bytes, as: UTF8.self)
      let isNumber = (0x30...0x39).contains(byte)
      let isASCII = bytes.allSatisfy { $0 < 0x80 }
      append(isNumber ? .number : isASCII ? .word(string.asciiUppercased) : .name(string), start..<position)
      return
    }
    if byte == UInt8(ascii: "\\") { isAmbiguous = true }
    position += 1
    append(.sign(byte), start..<position)
  }

  private mutating func append(_ content: SQLLexeme.Content, _ range: Range<Int>) {
    all.append(SQLLexeme(content: content, range: range, condition: open.last.flatMap { $0?.number }))
  }

  private mutating func readQuoted(_ text: UnsafeRawBufferPointer, _ position: inout Int, _ quote: UInt8) {
    let start = position
    let isEscaping = mode.isEscaping(in: quote)
    var content: [UInt8] = []
    position += 1
    isOpen = true
    while position < text.count {
      let byte = text[position]
      if byte == quote {
        position += 1
        guard position < text.count, text[position] == quote else {
          isOpen = false
          break
        }
        content.append(byte)
        position += 1
        continue
      }
      if byte == UInt8(ascii: "\\") {
        if isEscaping {
          content.append(contentsOf: text[position..<min(position + 2, text.count)])
          position += 2
          continue
        }
        // Not every client knows the modes.
        if quote != UInt8(ascii: "`") { isAmbiguous = true }
      }
      let length = mode.charset.length(at: position, of: text)
      noteWide(text, position, length)
      content.append(contentsOf: text[position..<min(position + length, text.count)])
      position += length
    }
    let isName = quote == UInt8(ascii: "`") || (quote == UInt8(ascii: "\"") && mode.quotesNames)
    let string = String(decoding: content, as: UTF8.self)
    append(isName ? .name(string) : .text(string), start..<position)
  }

  private mutating func noteWide(_ text: UnsafeRawBufferPointer, _ position: Int, _ length: Int) {
    if length > 1, text[position + 1] < 0x80 { isAmbiguous = true }
  }

  private mutating func skipLine(_ text: UnsafeRawBufferPointer, _ position: inout Int) {
    while position < text.count, text[position] != UInt8(ascii: "\n") {
      if text[position] == 0 { holdsZero = true }
      position += 1
    }
  }

  private mutating func readComment(_ text: UnsafeRawBufferPointer, _ position: inout Int) {
    if let length = Self.openingLength(text, position) {
      let comment = ConditionalComment(text, position, length, number: conditions)
      if comment != nil {
        conditions += 1
        // What is in another comment is not looked into any further.
        if !open.isEmpty { isUneven = true }
      }
      open.append(comment)
      position += length
      return
    }
    // Clients do not know comments in comments.
    if !open.isEmpty { isAmbiguous = true }
    position += 2
    isOpen = true
    while position < text.count {
      if text[position] == 0 { holdsZero = true }
      if text[position] == UInt8(ascii: "*"), position + 1 < text.count, text[position + 1] == UInt8(ascii: "/") {
        position += 2
        isOpen = false
        return
      }
      position += 1
    }
  }

  /// The length of the mark that opens a comment for the server, version included; nil for a comment for people.
  static func openingLength(_ text: UnsafeRawBufferPointer, _ position: Int) -> Int? {
    var end = position + 2
    if end < text.count, text[end] == UInt8(ascii: "M") { end += 1 }
    guard end < text.count, text[end] == UInt8(ascii: "!") else { return nil }
    end += 1
    while end < text.count, (0x30...0x39).contains(text[end]) { end += 1 }
    return end - position
  }

  /// Digits, letters, `_`, `$`, and everything beyond ASCII.
  static func isOfWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
      || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$")
  }
}
