import CofferSystem

/// Whether a routine, trigger or event is one statement, for servers that would run what stands behind its end as another
/// one. The statements of a body are told apart as the server's grammar has them; what is not in it is no body.
struct RoutineBody {
  private struct NotOne: Error {}

  private let all: [SQLLexeme]
  private var position: Int
  private var depth = 0

  /// Servers nest less deeply.
  private static let deepest = 200
  /// What may stand between a routine's parameters and its body, names of character sets and collations aside.
  private static let characteristics: Set<String> = [
    "COMMENT", "LANGUAGE", "SQL", "NOT", "DETERMINISTIC", "CONTAINS", "NO", "READS", "MODIFIES", "DATA", "SECURITY",
    "DEFINER", "INVOKER",
  ]
  private static let types: Set<String> = [
    "INT", "INTEGER", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "FLOAT", "DOUBLE", "PRECISION", "REAL", "DECIMAL",
    "NUMERIC", "BIT", "BOOL", "BOOLEAN", "DATE", "TIME", "DATETIME", "TIMESTAMP", "YEAR", "CHAR", "CHARACTER",
    "VARCHAR", "VARYING", "NCHAR", "NVARCHAR", "NATIONAL", "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "BLOB",
    "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "JSON", "ENUM", "GEOMETRY", "POINT", "LINESTRING",
    "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION", "GEOMCOLLECTION", "INET4",
    "INET6", "UUID", "VECTOR", "UNSIGNED", "SIGNED", "ZEROFILL", "ASCII", "UNICODE",
  ]

  /// What a value may begin with, and a name of one come behind.
  private static let beforeValues: Set<String> = [
    "NOT", "BINARY", "INTERVAL", "CASE", "WHEN", "THEN", "ELSE", "EXISTS", "ROW", "DISTINCT", "ALL", "ANY", "SOME",
    "AND", "OR", "XOR", "DIV", "MOD", "LIKE", "RLIKE", "REGEXP", "IN", "IS", "BETWEEN", "COLLATE", "ESCAPE", "SOUNDS",
    "OVER", "AS", "USING", "FOR", "PRIOR", "MEMBER", "OF",
  ]

  /// - Returns: Whether nothing can stand behind the end of the statement.
  static func isOne(_ statement: MariaDBStatement) -> Bool {
    let all = statement.lexemes.all
    guard all.contains(where: { $0.isSign(";") }) else { return true }
    // The other language has other blocks, and a comment that only some servers read could open one.
    guard !statement.mode.isOracle, all.allSatisfy({ $0.condition == nil }) else { return false }
    do {
      var body = RoutineBody(all: all, position: 0)
      try body.skipHead(statement.kind)
      try body.readStatement()
      return body.position == all.count
    } catch {
      return false
    }
  }

  /// Words that the body of a function begins with, beside labels: it has to give something back.
  private static let functions: Set<String> = [
    "BEGIN", "RETURN", "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR", "AS", "IS",
  ]

  /// Where what may be said of a function ends, as `SQL SECURITY INVOKER`: the number of the first lexeme behind it.
  ///
  /// - Returns: nil for what makes no function, and where it is not certain.
  static func start(ofFunction statement: MariaDBStatement) -> Int? {
    let all = statement.lexemes.all
    guard all.first?.isWord("CREATE") == true,
      let function = all.firstIndex(where: { $0.isWord("FUNCTION") || $0.isSign("(") }),
      all[function].isWord("FUNCTION")
    else { return nil }
    var body = RoutineBody(all: all, position: function)
    do {
      if statement.mode.isOracle {
        try body.skip(to: ["AS", "IS"])
      } else {
        try body.skipHead(.routine)
      }
    } catch {
      return nil
    }
    guard let first = body.current, first.condition == nil,
      body.isLabel || first.word.map(functions.contains) == true
    else { return nil }
    return body.position
  }

  private init(all: [SQLLexeme], position: Int) {
    self.all = all
    self.position = position
  }

  // MARK: - Lexemes

  private var current: SQLLexeme? { position < all.count ? all[position] : nil }

  private func isWord(_ word: String) -> Bool { current?.isWord(word) == true }

  private mutating func take(_ word: String) throws(NotOne) {
    guard isWord(word) else { throw NotOne() }
    position += 1
  }

  /// Moves over an expression to the first of some words that stands outside of parentheses, and not behind a dot, which
  /// makes a name of it.
  private mutating func skip(to words: Set<String>) throws(NotOne) {
    var parentheses = 0
    while let lexeme = current {
      if lexeme.isSign(";") { throw NotOne() }
      if lexeme.isSign("(") { parentheses += 1 }
      if lexeme.isSign(")") { parentheses -= 1 }
      guard parentheses >= 0 else { throw NotOne() }
      if parentheses == 0, let word = lexeme.word, position == 0 || !all[position - 1].isSign(".") {
        if words.contains(word) { return }
        if word == "CASE" {
          try skipCaseExpression()
          continue
        }
      }
      position += 1
    }
    throw NotOne()
  }

  /// Moves over `CASE ... END`.
  private mutating func skipCaseExpression() throws(NotOne) {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.deepest else { throw NotOne() }
    try take("CASE")
    try skip(to: ["END"])
    guard endsValue(position - 1) else { throw NotOne() }
    try take("END")
  }

  /// Whether what stands somewhere surely is the end of a value, so that END behind it is the end of an expression. END
  /// can be a name too, of a variable as of a window: where that could be meant, it is left to servers that can prepare it.
  private func endsValue(_ index: Int) -> Bool {
    guard index > 0 else { return false }
    switch all[index].content {
    case .number, .text, .name: return true
    case .sign(let sign): return sign == UInt8(ascii: ")")
    case .word(let word):
      // These are no names, and nothing follows them.
      if ["NULL", "TRUE", "FALSE"].contains(word) { return true }
      guard !Self.beforeValues.contains(word) else { return false }
      // The end of an expression within.
      if word == "END" { return endsValue(index - 1) }
      switch all[index - 1].content {
      case .word(let before): return ["THEN", "ELSE", "AND", "OR", "XOR", "DIV", "MOD"].contains(before)
      case .sign(let before): return "=<>+-*/%.@".utf8.contains(before)
      default: return false
      }
    }
  }

  private mutating func skipParentheses() throws(NotOne) {
    guard current?.isSign("(") == true else { throw NotOne() }
    var open = 0
    while let lexeme = current {
      if lexeme.isSign(";") { throw NotOne() }
      if lexeme.isSign("(") { open += 1 }
      if lexeme.isSign(")") { open -= 1 }
      position += 1
      if open == 0 { return }
    }
    throw NotOne()
  }

  // MARK: - The head

  private mutating func skipHead(_ kind: MariaDBStatement.Kind) throws(NotOne) {
    switch kind {
    case .trigger:
      try skip(to: ["EACH"])
      try take("EACH")
      try take("ROW")
      if isWord("FOLLOWS") || isWord("PRECEDES") { position += 2 }
    case .event:
      try skip(to: ["DO"])
      try take("DO")
    case .routine:
      try skip(to: ["PROCEDURE", "FUNCTION"])
      while let lexeme = current, !lexeme.isSign("(") {
        if lexeme.isSign(";") { throw NotOne() }
        position += 1
      }
      try skipParentheses()
      try skipCharacteristics()
    default: throw NotOne()
    }
  }

  private mutating func skipCharacteristics() throws(NotOne) {
    if isWord("RETURNS") {
      position += 1
      while let lexeme = current {
        if lexeme.isSign("(") {
          try skipParentheses()
        } else if isWord("CHARSET") || isWord("COLLATE") {
          position += 2
        } else if isWord("CHARACTER"), position + 1 < all.count, all[position + 1].isWord("SET") {
          position += 3
        } else if isWord("SET"), position + 1 < all.count, all[position + 1].isSign("(") {
          position += 1
        } else if let word = lexeme.word, Self.types.contains(word) {
          position += 1
        } else {
          break
        }
      }
    }
    while let lexeme = current {
      switch lexeme.content {
      case .word(let word) where Self.characteristics.contains(word): position += 1
      // Of a comment.
      case .text where all[position - 1].isWord("COMMENT") || isText(position - 1): position += 1
      default: return
      }
    }
  }

  private func isText(_ index: Int) -> Bool { if case .text = all[index].content { true } else { false } }

  // MARK: - Statements

  /// Reads a statement without the semicolon that ends it.
  private mutating func readStatement() throws(NotOne) {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.deepest else { throw NotOne() }
    let isLabelled = skipLabel()
    switch current?.word {
    case "BEGIN": try readBlock()
    case "LOOP": try readLoop("LOOP", upTo: nil)
    case "REPEAT": try readLoop("REPEAT", upTo: nil)
    case "WHILE", "FOR": try readLoop(current?.word ?? "", upTo: "DO")
    case _ where isLabelled: throw NotOne()
    case "IF": try readIf()
    case "CASE": try readCase()
    case "DECLARE": try readDeclaration()
    default: while let lexeme = current, !lexeme.isSign(";") { position += 1 }
    }
  }

  private mutating func skipLabel() -> Bool {
    guard position + 1 < all.count, all[position + 1].isSign(":"), current?.word != nil || current?.name != nil else {
      return false
    }
    position += 2
    return true
  }

  /// Reads statements, each with its semicolon, to one of some words, which cannot begin a statement.
  private mutating func readStatements(upTo words: Set<String>) throws(NotOne) {
    while let lexeme = current {
      if let word = lexeme.word, words.contains(word), !isLabel { return }
      try readStatement()
      guard current?.isSign(";") == true else { throw NotOne() }
      position += 1
    }
    throw NotOne()
  }

  private var isLabel: Bool { position + 1 < all.count && all[position + 1].isSign(":") }

  private mutating func readBlock() throws(NotOne) {
    try take("BEGIN")
    if isWord("NOT") {
      try take("NOT")
      try take("ATOMIC")
    }
    try readStatements(upTo: ["END"])
    try take("END")
    skipEndLabel()
  }

  private mutating func skipEndLabel() {
    if current?.word != nil || current?.name != nil { position += 1 }
  }

  private mutating func readLoop(_ word: String, upTo condition: String?) throws(NotOne) {
    try take(word)
    if let condition {
      try skip(to: [condition])
      try take(condition)
    }
    if word == "REPEAT" {
      try readStatements(upTo: ["UNTIL"])
      try skip(to: ["END"])
    } else {
      try readStatements(upTo: ["END"])
    }
    try take("END")
    try take(word)
    skipEndLabel()
  }

  private mutating func readIf() throws(NotOne) {
    try take("IF")
    repeat {
      try skip(to: ["THEN"])
      try take("THEN")
      try readStatements(upTo: ["ELSEIF", "ELSE", "END"])
    } while isWord("ELSEIF")
    if isWord("ELSE") {
      try take("ELSE")
      try readStatements(upTo: ["END"])
    }
    try take("END")
    try take("IF")
  }

  private mutating func readCase() throws(NotOne) {
    try take("CASE")
    try skip(to: ["WHEN"])
    repeat {
      try take("WHEN")
      try skip(to: ["THEN"])
      try take("THEN")
      try readStatements(upTo: ["WHEN", "ELSE", "END"])
    } while isWord("WHEN")
    if isWord("ELSE") {
      try take("ELSE")
      try readStatements(upTo: ["END"])
    }
    try take("END")
    try take("CASE")
  }

  /// A handler ends with a statement; what else is declared holds no other.
  private mutating func readDeclaration() throws(NotOne) {
    try take("DECLARE")
    guard ["CONTINUE", "EXIT", "UNDO"].contains(current?.word), position + 1 < all.count,
      all[position + 1].isWord("HANDLER")
    else {
      while let lexeme = current, !lexeme.isSign(";") { position += 1 }
      return
    }
    position += 2
    try take("FOR")
    repeat {
      if current?.isSign(",") == true { position += 1 }
      try skipCondition()
    } while current?.isSign(",") == true
    try readStatement()
  }

  /// `SQLSTATE VALUE '...'`, `NOT FOUND`, a number, or a name.
  private mutating func skipCondition() throws(NotOne) {
    if isWord("SQLSTATE") {
      position += 1
      if isWord("VALUE") { position += 1 }
    } else if isWord("NOT") {
      position += 1
    }
    guard let lexeme = current, !lexeme.isSign(";") else { throw NotOne() }
    position += 1
  }
}
