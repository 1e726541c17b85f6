import CofferSystem

/// The statements of a dump's table of contents, cut as the server cuts them: what is a name, what a text, what a sign.
struct SQLTokens {
  struct Token: Equatable {
    enum Kind: Equatable {
      /// A word, or a name in quotes, without them.
      case name([UInt8], isQuoted: Bool)
      /// A text in single quotes, without them.
      case text([UInt8])
      case sign(UInt8)
      /// A number, or a text of another form.
      case other
    }

    let kind: Kind
    let range: Range<Int>

    /// Whether it is this word of the language, and no name.
    func isWord(_ word: String) -> Bool {
      guard case .name(let bytes, isQuoted: false) = kind else { return false }
      return bytes.count == word.utf8.count
        && zip(bytes, word.utf8).allSatisfy { $0 & 0xdf == $1 }
    }

    func isSign(_ sign: Unicode.Scalar) -> Bool { kind == .sign(UInt8(ascii: sign)) }
  }

  let all: [Token]

  /// - Returns: nil for what ends within a text, a name or a comment, and for what servers of different versions cut differently.
  init?(_ bytes: [UInt8]) {
    var tokens: [Token] = []
    var position = 0
    /// Where a text with backslashes stands among the tokens: one that follows it may go on by its rules.
    var escaped: Int?
    while position < bytes.count {
      let byte = bytes[position]
      let next = position + 1 < bytes.count ? bytes[position + 1] : 0
      let start = position
      switch byte {
      case _ where byte.isBlank:
        position += 1
        continue
      case UInt8(ascii: "-") where next == byte:
        position = bytes[start...].firstIndex { Self.isLineEnd($0) } ?? bytes.count
        continue
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
        guard let end = Self.endOfComment(bytes, from: start) else { return nil }
        position = end
        continue
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        let isText = byte == UInt8(ascii: "'")
        guard let (text, end) = Self.quoted(bytes, from: start),
          !isText || escaped != tokens.count - 1 && Self.isSameInAllModes(bytes[start..<end])
        else { return nil }
        position = end
        tokens.append(Token(kind: isText ? .text(text) : .name(text, isQuoted: true), range: start..<end))
      case UInt8(ascii: "$"):
        guard let end = Self.endOfDollars(bytes, from: start) else { return nil }
        position = end
        tokens.append(Token(kind: .other, range: start..<end))
      case UInt8(ascii: "e") where next == UInt8(ascii: "'"), UInt8(ascii: "E") where next == UInt8(ascii: "'"):
        guard let end = Self.endOfEscaped(bytes, from: start + 1), Self.isSameInAllEncodings(bytes[start..<end]) else {
          return nil
        }
        position = end
        escaped = tokens.count
        tokens.append(Token(kind: .other, range: start..<end))
      case _ where PostgreSQLText.isNamePart(byte):
        position = bytes[start...].firstIndex { !PostgreSQLText.isNamePart($0) } ?? bytes.count
        let isNumber = PostgreSQLText.isDigit(byte)
        // To some servers, `1E'` is a number and the beginning of a text with backslashes.
        if isNumber, position < bytes.count, bytes[position] == UInt8(ascii: "'") { return nil }
        tokens.append(
          Token(
            kind: isNumber ? .other : .name(Array(bytes[start..<position]), isQuoted: false), range: start..<position))
      default:
        position += 1
        tokens.append(Token(kind: .sign(byte), range: start..<position))
      }
    }
    all = tokens
  }

  private static func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }

  private static func endOfComment(_ bytes: [UInt8], from start: Int) -> Int? {
    var (depth, position) = (0, start)
    while position + 1 < bytes.count {
      switch (bytes[position], bytes[position + 1]) {
      case (UInt8(ascii: "/"), UInt8(ascii: "*")):
        (depth, position) = (depth + 1, position + 2)
      case (UInt8(ascii: "*"), UInt8(ascii: "/")):
        (depth, position) = (depth - 1, position + 2)
        if depth == 0 { return position }
      default: position += 1
      }
    }
    return nil
  }

  private static func quoted(_ bytes: [UInt8], from start: Int) -> (text: [UInt8], end: Int)? {
    var text: [UInt8] = []
    var position = start + 1
    while let end = bytes[position...].firstIndex(of: bytes[start]) {
      text += bytes[position..<end]
      guard end + 1 < bytes.count, bytes[end + 1] == bytes[start] else { return (text, end + 1) }
      text.append(bytes[start])
      position = end + 2
    }
    return nil
  }

  /// Whether a text ends at the same place when backslashes mean something in it (`standard_conforming_strings`). What is run before it,
  /// such as a check of a table's, may have set that otherwise.
  private static func isSameInAllModes(_ text: ArraySlice<UInt8>) -> Bool {
    zip(text, text.dropFirst()).allSatisfy { $0 != UInt8(ascii: "\\") || $1 != UInt8(ascii: "'") }
  }

  /// Whether no backslash in a text may be the second byte of a sign, as in the encodings that only clients may have
  /// (PostgreSQL's documentation, Character Set Support): the session may have been set to one of them meanwhile.
  private static func isSameInAllEncodings(_ text: ArraySlice<UInt8>) -> Bool {
    zip(text, text.dropFirst()).allSatisfy { $0 < 0x80 || $1 != UInt8(ascii: "\\") }
  }

  private static func endOfEscaped(_ bytes: [UInt8], from quote: Int) -> Int? {
    var position = quote + 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\\"): position += 2
      case UInt8(ascii: "'") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "'"): position += 2
      case UInt8(ascii: "'"): return position + 1
      default: position += 1
      }
    }
    return nil
  }

  private static func endOfDollars(_ bytes: [UInt8], from start: Int) -> Int? {
    guard let close = bytes[(start + 1)...].firstIndex(where: { $0 == UInt8(ascii: "$") || !isTagPart($0) }),
      bytes[close] == UInt8(ascii: "$"), !PostgreSQLText.isDigit(bytes[start + 1])
    else { return start + 1 }
    let tag = bytes[start...close]
    var position = close + 1
    while let found = bytes[position...].firstIndex(of: UInt8(ascii: "$")) {
      if bytes[found...].starts(with: tag) { return found + tag.count }
      position = found + 1
    }
    return nil
  }

  private static func isTagPart(_ byte: UInt8) -> Bool {
    PostgreSQLText.isNamePart(byte) && byte != UInt8(ascii: "$")
  }
}

extension SQLTokens {
  /// A name with its schema, as statements of pg_dump have it: without a blank between.
  struct Qualified {
    let name: RelationName
    /// Where the first of its three tokens stands among all.
    let index: Int
  }

  var qualified: [Qualified] {
    all.indices.compactMap { index in
      guard index + 2 < all.count, all[index + 1].isSign("."), index == 0 || !all[index - 1].isSign("."),
        case .name(let schema, _) = all[index].kind, case .name(let name, _) = all[index + 2].kind,
        all[index].range.upperBound == all[index + 1].range.lowerBound,
        all[index + 1].range.upperBound == all[index + 2].range.lowerBound
      else { return nil }
      return Qualified(name: RelationName(schema: ServerText(schema), name: ServerText(name)), index: index)
    }
  }

  /// The name that stands behind one of some words, with `ONLY` between or without.
  func qualified(after words: [String]) -> [Qualified] {
    qualified.filter { found in
      var before = found.index - 1
      if before >= 0, all[before].isWord("ONLY") { before -= 1 }
      return before >= 0 && words.contains { all[before].isWord($0) }
    }
  }
}

extension SQLTokens {
  /// The places of the statements among the tokens, without their semicolons.
  ///
  /// - Returns: nil where parentheses or brackets do not fit together.
  var statements: [Range<Int>]? {
    var (depth, start) = (0, 0)
    var found: [Range<Int>] = []
    for (index, token) in all.enumerated() {
      if token.isSign("(") || token.isSign("[") { depth += 1 }
      if token.isSign(")") || token.isSign("]") { depth -= 1 }
      guard depth >= 0 else { return nil }
      guard depth == 0, token.isSign(";") else { continue }
      found.append(start..<index)
      start = index + 1
    }
    guard depth == 0 else { return nil }
    return (found + [start..<all.count]).filter { !$0.isEmpty }
  }
}

/// The name of a table, an index, a sequence, with its schema.
struct RelationName: Hashable {
  let schema: ServerText
  let name: ServerText

  /// For messages.
  var shown: String { "\(schema.shown).\(name.shown)" }

  var quoted: PostgreSQLStatement { "\(identifier: schema).\(identifier: name)" }
}
