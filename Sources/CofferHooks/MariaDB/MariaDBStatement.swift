/// A statement of a dump, and what it is for.
struct MariaDBStatement: Sendable, Equatable {
  enum Verb: Equatable {
    case create, use, drop, alter
  }

  enum Kind: Equatable {
    /// Changes the session: every statement after it may need it.
    case setting
    /// About a database as such.
    case database(Verb, name: String)
    /// Tables, sequences, and what is in them.
    case table
    /// Views, triggers, routines, events: what can only be where it is to stay.
    case view, trigger, routine, event
    /// Users, roles, privileges, functions of libraries, servers.
    case account
    /// Has no place in a restore: what concerns a server's part in replication, and locks on tables that nobody else
    /// knows of yet, under which a column could not take its default from a sequence.
    case omitted
  }

  var text: [UInt8]
  var delimiter = Array(";".utf8)

  private static let headLimit = 1000
  private static let objects: [String: Kind] = [
    "TABLE": .table, "SEQUENCE": .table, "VIEW": .view, "TRIGGER": .trigger, "FUNCTION": .routine,
    "PROCEDURE": .routine, "PACKAGE": .routine, "EVENT": .event, "USER": .account, "ROLE": .account,
    "SERVER": .account,
  ]

  var kind: Kind {
    let tokens = SQLTokens(text.prefix(Self.headLimit))
    let words = tokens.words
    switch words.first {
    case "SET": return Self.kindOfSet(words)
    case "USE": return .database(.use, name: tokens.firstName ?? "")
    case "CREATE": return kind(of: .create, tokens)
    case "DROP": return kind(of: .drop, tokens)
    case "ALTER": return kind(of: .alter, tokens)
    case "GRANT", "REVOKE", "EXECUTE", "SELECT": return .account
    case "CHANGE", "STOP", "RESET", "PURGE", "LOCK", "UNLOCK": return .omitted
    case "START": return words.dropFirst().first == "TRANSACTION" ? .table : .omitted
    default: return .table
    }
  }

  private static func kindOfSet(_ words: [String]) -> Kind {
    if words.contains("SQL_LOG_BIN") || words.dropFirst().first == "GLOBAL" { return .omitted }
    return words.dropFirst().first == "ROLE" || words.dropFirst().first == "DEFAULT" ? .account : .setting
  }

  private func kind(of verb: Verb, _ tokens: SQLTokens) -> Kind {
    if tokens.words.contains("DATABASE"), tokens.words.first(where: { Self.objects[$0] != nil }) == nil {
      return .database(verb, name: tokens.firstName ?? "")
    }
    guard let object = tokens.words.first(where: { Self.objects[$0] != nil }), let kind = Self.objects[object] else {
      return .table
    }
    // A function whose code is in a library belongs to the server, not to a database.
    if object == "FUNCTION", tokens.words.contains("SONAME") { return .account }
    // Old dump programs hold a view's place by a table, which only servers that know views see.
    if object == "TABLE", text.starts(with: "/*!50001 ".utf8) { return .view }
    return kind
  }

  /// The name that the statement mentions first.
  var firstName: String? { SQLTokens(text.prefix(Self.headLimit)).firstName }

  /// The modes that it sets for the session; nil when it sets none.
  var sqlMode: String? {
    guard text.count < Self.headLimit * 4, text.starts(with: "/*!".utf8) || text.starts(with: "SET".utf8) else {
      return nil
    }
    let text = String(decoding: text, as: UTF8.self).uppercased()
    guard let range = text.range(of: "SET SQL_MODE ") ?? text.range(of: ", SQL_MODE=") else { return nil }
    return String(text[range.upperBound...])
  }

  /// The statement about another database than the one it names first.
  func renaming(_ database: String, to other: String) -> MariaDBStatement {
    let sign = Array(MariaDBConnection.quotedIdentifier(database).utf8)
    var result = self
    result.text = text.replacing(sign, with: Array(MariaDBConnection.quotedIdentifier(other).utf8), maxReplacements: 1)
    return result
  }

  /// As a client reads it.
  var script: [UInt8] {
    guard delimiter != Array(";".utf8) else { return text + Array(";\n".utf8) }
    let mark = String(decoding: delimiter, as: UTF8.self)
    return Array("DELIMITER \(mark)\n".utf8) + text + Array("\n\(mark)\nDELIMITER ;\n".utf8)
  }
}

extension MariaDBStatement {
  init(_ text: String) {
    self.init(text: Array(text.utf8))
  }
}

/// The words outside of quotes and comments of a statement's beginning, and the names in quotes, in their order.
struct SQLTokens {
  enum Token: Equatable {
    /// In capital letters.
    case word(String)
    /// Without its quotes.
    case name(String)
  }

  private(set) var tokens: [Token] = []

  var words: [String] { tokens.compactMap { if case .word(let word) = $0 { word } else { nil } } }

  var firstName: String? { names(after: nil).first }

  /// The names that follow a word's last mention without another word in between; with nil, those that come first.
  func names(after word: String?) -> [String] {
    var rest = tokens[...]
    if let word {
      guard let index = tokens.lastIndex(of: .word(word)) else { return [] }
      rest = tokens[(index + 1)...]
    } else {
      rest = rest.drop { if case .word = $0 { true } else { false } }
    }
    return rest.prefix { if case .name = $0 { true } else { false } }
      .compactMap { if case .name(let name) = $0 { name } else { nil } }
  }

  init(_ text: ArraySlice<UInt8>) {
    var rest = text
    while let byte = rest.first {
      if byte == UInt8(ascii: "/"), rest.dropFirst().first == UInt8(ascii: "*") {
        // What is in a comment for the server counts; its version does not.
        rest = rest.drop { !Self.isSpace($0) && $0 != UInt8(ascii: "-") }
      } else if [UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "'")].contains(byte) {
        takeQuoted(&rest, byte)
      } else if Self.isLetter(byte) {
        let word = rest.prefix { Self.isLetter($0) || (0x30...0x39).contains($0) }
        tokens.append(.word(String(decoding: word, as: UTF8.self).uppercased()))
        rest = rest.dropFirst(word.count)
      } else {
        rest = rest.dropFirst()
      }
    }
  }

  private mutating func takeQuoted(_ rest: inout ArraySlice<UInt8>, _ quote: UInt8) {
    var name: [UInt8] = []
    rest = rest.dropFirst()
    while let byte = rest.first {
      rest = rest.dropFirst()
      if byte == quote {
        guard rest.first == quote else { break }
        rest = rest.dropFirst()
      }
      name.append(byte)
    }
    tokens.append(.name(String(decoding: name, as: UTF8.self)))
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
  }
}
