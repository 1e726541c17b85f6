/// Dumps name a database as rarely as they can. These are the places where they do all the same, and where a statement
/// would act on that database instead of the one that it is run in.
extension MariaDBStatement {
  /// The statement as it is to be run in another database than the one it was written in.
  func moved(from database: String, to other: String) -> MariaDBStatement {
    guard database != other else { return self }
    var result = replacingSequences(of: database, with: other)
    if kind == .trigger { result.removeQualifiersOfTrigger() }
    return result
  }

  /// What is said of sequences names their database.
  private func replacingSequences(of database: String, with other: String) -> MariaDBStatement {
    var result = self
    for call in ["nextval(", "lastval("] {
      let sign = Array((call + MariaDBConnection.quotedIdentifier(database) + ".").utf8)
      let replacement = Array((call + MariaDBConnection.quotedIdentifier(other) + ".").utf8)
      if result.text.contains(sign) { result.text = result.text.replacing(sign, with: replacement) }
    }
    return result
  }

  /// A trigger is given as its author wrote it: `CREATE TRIGGER shop.t BEFORE INSERT ON shop.orders ...`.
  private mutating func removeQualifiersOfTrigger() {
    let lexemes = Lexeme.all(of: text.prefix(Self.triggerHeadLimit))
    guard var index = lexemes.firstIndex(where: { $0.isWord("TRIGGER", in: text) }) else { return }
    index += 1
    if lexemes.dropFirst(index).first?.isWord("IF", in: text) == true { index += 3 }
    var cuts: [Range<Int>] = []
    cuts += Self.qualifier(lexemes.dropFirst(index), text)
    guard let on = lexemes.dropFirst(index).firstIndex(where: { $0.isWord("ON", in: text) }) else { return }
    cuts += Self.qualifier(lexemes[(on + 1)...], text)
    for cut in cuts.reversed() { text.removeSubrange(cut) }
  }

  private static let triggerHeadLimit = 4000

  /// Where the database of a name stands, with its dot; nowhere, if the name has none.
  private static func qualifier(_ name: ArraySlice<Lexeme>, _ text: [UInt8]) -> [Range<Int>] {
    let first = name.startIndex
    guard name.count >= 3, text[name[first + 1].range] == [UInt8(ascii: ".")] else { return [] }
    return [name[first].range.lowerBound..<name[first + 2].range.lowerBound]
  }
}

/// A word, something in quotes, or a sign.
private struct Lexeme {
  let range: Range<Int>

  func isWord(_ word: String, in text: [UInt8]) -> Bool {
    String(decoding: text[range], as: UTF8.self).uppercased() == word
  }

  /// Comments for the server are open: only their marks are left out.
  static func all(of text: ArraySlice<UInt8>) -> [Lexeme] {
    var lexemes: [Lexeme] = []
    var position = text.startIndex
    while position < text.endIndex {
      let rest = text[position...]
      let length =
        if rest.starts(with: "/*".utf8) {
          rest.prefix { $0 > UInt8(ascii: " ") }.count
        } else if rest.starts(with: "*/".utf8) {
          2
        } else if let first = rest.first, "`\"'".utf8.contains(first) {
          quoted(rest, first)
        } else {
          max(rest.prefix(while: isOfWord).count, 1)
        }
      let isSign = !rest.starts(with: "/*".utf8) && !rest.starts(with: "*/".utf8)
      if isSign, rest[position] > UInt8(ascii: " ") { lexemes.append(Lexeme(range: position..<(position + length))) }
      position += length
    }
    return lexemes
  }

  private static func quoted(_ text: ArraySlice<UInt8>, _ quote: UInt8) -> Int {
    var position = text.startIndex + 1
    while position < text.endIndex {
      if text[position] == quote {
        guard position + 1 < text.endIndex, text[position + 1] == quote else { return position + 1 - text.startIndex }
        position += 1
      }
      position += 1
    }
    return text.count
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
      || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$")
  }
}
