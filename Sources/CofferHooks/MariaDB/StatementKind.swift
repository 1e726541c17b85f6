import CofferSystem

/// Tells what a dump's statement is for. What is not known to be written by dump programs is `unknown`: a statement that a
/// database's content, or a server that lies, has brought in must not be run by who restores.
struct StatementKind {
  let kind: MariaDBStatement.Kind

  private static let objects: [String: MariaDBStatement.Kind] = [
    "TABLE": .table, "SEQUENCE": .table, "VIEW": .view, "TRIGGER": .trigger, "FUNCTION": .routine,
    "PROCEDURE": .routine, "PACKAGE": .routine, "EVENT": .event, "USER": .account, "ROLE": .account,
    "SERVER": .account,
  ]

  init(_ lexemes: SQLLexemes, isForServersWithViews: Bool) {
    let all = lexemes.all
    let words = all.prefix(64).compactMap(\.word)
    guard !lexemes.holdsZero, let first = all.first?.word else {
      kind = .unknown
      return
    }
    switch first {
    case "SET": kind = Self.setting(all, all.compactMap(\.word))
    case "USE": kind = Self.database(.use, all)
    case "CREATE": kind = Self.object(.create, all, words, isForServersWithViews)
    case "DROP": kind = Self.object(.drop, all, words, isForServersWithViews)
    case "ALTER": kind = Self.object(.alter, all, words, isForServersWithViews)
    case "GRANT", "REVOKE": kind = .account
    case "DO", "SELECT": kind = Self.isSetval(all) ? .table : Self.isHousekeeping(words) ? .omitted : .unknown
    case "CHANGE", "STOP", "RESET", "PURGE", "LOCK", "UNLOCK", "FLUSH", "PREPARE", "EXECUTE", "DEALLOCATE":
      kind = .omitted
    case "START": kind = words.dropFirst().first == "TRANSACTION" ? .table : .omitted
    case "COMMIT", "BEGIN": kind = all.count == 1 ? .table : .unknown
    case "ANALYZE": kind = words.dropFirst().first == "TABLE" && !Self.isQualified(all, "TABLE") ? .table : .unknown
    default: kind = .unknown
    }
  }

  /// Values that are computed could call what a database holds.
  private static func setting(_ all: [SQLLexeme], _ words: [String]) -> MariaDBStatement.Kind {
    if words.contains("SQL_LOG_BIN") || words.contains("GLOBAL") { return .omitted }
    if words.dropFirst().first == "ROLE" || words.dropFirst().first == "DEFAULT" { return .account }
    if words.contains("IS_ROCKSDB_SUPPORTED") { return .omitted }
    let refused: Set<String> = ["PASSWORD", "STATEMENT", "PERSIST", "PERSIST_ONLY", "SELECT"]
    let isComputed = all.contains { $0.isSign("(") || $0.isSign(";") }
    return isComputed || words.contains(where: refused.contains) ? .unknown : .setting
  }

  private static func database(_ verb: MariaDBStatement.Verb, _ all: [SQLLexeme]) -> MariaDBStatement.Kind {
    all.first { $0.name != nil }?.name.map { .database(verb, name: $0) } ?? .unknown
  }

  private static func object(
    _ verb: MariaDBStatement.Verb, _ all: [SQLLexeme], _ words: [String], _ isForServersWithViews: Bool
  ) -> MariaDBStatement.Kind {
    let object = words.first { objects[$0] != nil }
    if let index = words.firstIndex(of: "DATABASE"), index < (object.flatMap(words.firstIndex) ?? .max) {
      return database(verb, all)
    }
    guard let object, let kind = objects[object] else {
      // What NDB keeps its tables in.
      return words.dropFirst().first == "LOGFILE" || words.dropFirst().first == "TABLESPACE" ? .table : .unknown
    }
    // A function whose code is in a library belongs to the server, not to a database.
    if object == "FUNCTION", words.contains("SONAME") { return .account }
    // Dump programs drop one thing at a time; further names could be of other databases.
    if verb == .drop, kind != .account, all.contains(where: { $0.isSign(",") }) { return .unknown }
    guard kind == .table else { return verb == .alter && kind != .account ? .unknown : kind }
    guard !isQualified(all, object), !all.contains(where: { $0.isWord("SELECT") }) else { return .unknown }
    if verb == .alter, all.contains(where: { $0.isWord("RENAME") || $0.isWord("EXCHANGE") }) { return .unknown }
    // Old dump programs hold a view's place by a table, which only servers that know views see.
    return object == "TABLE" && isForServersWithViews ? .view : .table
  }

  /// Whether the table that a statement is about is named with a database.
  private static func isQualified(_ all: [SQLLexeme], _ object: String) -> Bool {
    guard let index = all.firstIndex(where: { $0.isWord(object) }) else { return true }
    let rest = all[(index + 1)...].drop { $0.word.map(["IF", "NOT", "EXISTS"].contains) ?? false }
    return rest.dropFirst().first?.isSign(".") == true
  }

  /// `DO SETVAL(...)`, or with SELECT: how far a sequence has counted.
  private static func isSetval(_ all: [SQLLexeme]) -> Bool {
    guard all.count > 3, all[1].isWord("SETVAL"), all[2].isSign("("), all.last?.isSign(")") == true else {
      return false
    }
    return all[3..<(all.count - 1)].allSatisfy { lexeme in
      lexeme.name != nil || lexeme.content == .number || lexeme.isSign(",") || lexeme.isSign("-")
    }
  }

  /// What dump programs ask the server between statements: the role to go back to, and for an engine's switch.
  private static func isHousekeeping(_ words: [String]) -> Bool {
    words == ["SELECT", "COALESCE", "CURRENT_ROLE", "INTO", "CURRENT_ROLE"] || words.contains("IS_ROCKSDB_SUPPORTED")
  }
}
