import CofferSystem

/// A statement of a dump, and what it is for.
struct MariaDBStatement: Sendable {
  enum Verb: Equatable {
    case create, use, drop, alter
  }

  enum Kind: Equatable {
    /// Changes the session: every statement after it may need it.
    case setting
    /// About a database as such.
    case database(Verb, name: ExactName)
    /// Tables, sequences, and what is in them.
    case table
    /// Views, triggers, routines, events: what can only be where it is to stay.
    case view, trigger, routine, event
    /// Users, roles, privileges, functions of libraries, servers.
    case account
    /// Has no place in a restore: what concerns a server's part in replication, and locks on tables that nobody else
    /// knows of yet, under which a column could not take its default from a sequence.
    case omitted
    /// What no dump program writes.
    case unknown
  }

  let text: [UInt8]
  /// How the server reads it.
  let mode: LexicalMode
  let lexemes: SQLLexemes
  let kind: Kind

  init(_ text: [UInt8], mode: LexicalMode) {
    self.text = text
    self.mode = mode
    lexemes = SQLLexemes(text, mode)
    kind = StatementKind(lexemes, isForServersWithViews: text.starts(with: "/*!50001 ".utf8)).kind
  }

  /// Takes a statement out of the comments for the server that dump programs put around views, triggers and events.
  ///
  /// What their authors wrote is only read there as they meant it when nothing in it looks like such a comment's end.
  init(unwrapping text: [UInt8], mode: LexicalMode) {
    self.init(StatementWrapping.content(of: text, mode) ?? text, mode: mode)
  }

  /// A statement without anything odd in it.
  init(_ text: String) {
    self.init(unwrapping: Array(text.utf8), mode: LexicalMode())
  }

  /// The statement with something else in place of some of its bytes.
  func replacing(_ edits: [(range: Range<Int>, text: String)]) -> MariaDBStatement {
    guard !edits.isEmpty else { return self }
    var bytes = text
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      bytes.replaceSubrange(edit.range, with: edit.text.utf8)
    }
    return MariaDBStatement(bytes, mode: mode)
  }

  /// The name that the statement mentions first.
  var firstName: String? { lexemes.all.first { $0.name != nil }?.name }

  /// The first name behind the first mention of any of some words, without the database that may qualify it.
  func objectName(after words: Set<String>) -> String? {
    let all = lexemes.all
    guard let index = all.firstIndex(where: { $0.word.map(words.contains) ?? false }) else { return nil }
    let names = all[(index + 1)...].drop { $0.word.map(["IF", "NOT", "EXISTS", "BODY"].contains) ?? false }
    func text(_ lexeme: SQLLexeme?) -> String? { lexeme.flatMap { $0.name ?? ($0.word == nil ? nil : original($0)) } }
    if names.dropFirst().first?.isSign(".") == true { return text(names.dropFirst(2).first) }
    return text(names.first)
  }

  private func original(_ lexeme: SQLLexeme) -> String { String(decoding: text[lexeme.range], as: UTF8.self) }

  /// The names that follow a word's last mention without another word in between; with nil, those that come first. Text
  /// in quotes counts: accounts are written in either kind.
  func names(after word: String?) -> [String] {
    var rest = lexemes.all[...]
    if let word {
      guard let index = rest.lastIndex(where: { $0.isWord(word) }) else { return [] }
      rest = rest[(index + 1)...]
    } else {
      rest = rest.drop { $0.word != nil }
    }
    return rest.prefix { $0.word == nil }.compactMap { lexeme in
      switch lexeme.content {
      case .name(let text), .text(let text): text
      default: nil
      }
    }
  }
}

extension MariaDBStatement: Equatable {
  static func == (left: MariaDBStatement, right: MariaDBStatement) -> Bool {
    left.text == right.text && left.mode == right.mode
  }
}

/// The comments for the server that dump programs put around a statement: `/*!50003 CREATE*/ /*!50017 DEFINER=...*/
/// /*!50003 TRIGGER ... */`.
enum StatementWrapping {
  private static let firstWords: Set<String> = ["CREATE", "DEFINER", "ALGORITHM", "SQL", "VIEW", "WITH"]
  /// Behind them comes what somebody has written, and nothing else.
  private static let lastWords: Set<String> = ["TRIGGER", "EVENT", "PROCEDURE", "FUNCTION", "PACKAGE"]

  /// - Returns: What is in the comments; nil when the text does not look like that.
  static func content(of text: [UInt8], _ mode: LexicalMode) -> [UInt8]? {
    guard text.starts(with: "/*!".utf8) else { return nil }
    return text.withUnsafeBytes { bytes in
      var content: [UInt8] = []
      var position = 0
      while position < bytes.count, bytes[position...].starts(with: "/*!".utf8) {
        guard let opening = SQLLexemes.openingLength(bytes, position) else { return nil }
        position += opening
        while position < bytes.count, bytes[position].isBlank { position += 1 }
        let start = position
        let first = firstWord(bytes, start)
        if first.map(lastWords.contains) == true { return last(bytes, from: start, behind: content) }
        guard first.map(firstWords.contains) == true,
          let end = closing(bytes, from: start, mode)
        else { return nil }
        if !content.isEmpty { content.append(UInt8(ascii: " ")) }
        content += bytes[start..<end]
        position = end + 2
        while position < bytes.count, bytes[position].isBlank { position += 1 }
      }
      return position == bytes.count ? content : nil
    }
  }

  /// The last of the comments goes on to the end, whatever is in it.
  private static func last(_ bytes: UnsafeRawBufferPointer, from start: Int, behind content: [UInt8]) -> [UInt8]? {
    var end = bytes.count
    while end > start, bytes[end - 1].isBlank { end -= 1 }
    guard !content.isEmpty, end - 2 > start, bytes[end - 2] == UInt8(ascii: "*"), bytes[end - 1] == UInt8(ascii: "/")
    else { return nil }
    end -= 2
    while end > start, bytes[end - 1].isBlank { end -= 1 }
    return content + [UInt8(ascii: " ")] + bytes[start..<end]
  }

  private static func firstWord(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> String? {
    let rest = bytes[start...].drop(while: \.isBlank)
    let word = rest.prefix { SQLLexemes.isOfWord($0) }
    return word.isEmpty ? nil : String(decoding: word, as: UTF8.self).asciiUppercased
  }

  /// Where the comment ends, quotes regarded.
  private static func closing(_ bytes: UnsafeRawBufferPointer, from start: Int, _ mode: LexicalMode) -> Int? {
    var position = start
    var quote: UInt8?
    while position + 1 < bytes.count {
      let byte = bytes[position]
      if let open = quote {
        if byte == open { quote = nil }
        if byte == UInt8(ascii: "\\"), mode.isEscaping(in: open) { position += 1 }
      } else if "`\"'".utf8.contains(byte) {
        quote = byte
      } else if byte == UInt8(ascii: "*"), bytes[position + 1] == UInt8(ascii: "/") {
        return position
      }
      position += 1
    }
    return nil
  }
}
