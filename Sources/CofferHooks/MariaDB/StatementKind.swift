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
    let read = Self.kind(lexemes.all, isForServersWithViews)
    let passedOver = lexemes.unconditional
    // A server that passes over some of it must find the same.
    let isSame =
      passedOver.count == lexemes.all.count || passedOver.isEmpty
      || (Self.kind(passedOver, isForServersWithViews) == read && Self.isHeadPlain(lexemes.all, read))
    kind = lexemes.holdsZero || !lexemes.beginsTheSame || !isSame ? .unknown : read
  }

  /// Whether everything before what an author wrote is for every server.
  private static func isHeadPlain(_ all: [SQLLexeme], _ kind: MariaDBStatement.Kind) -> Bool {
    let end: Int?
    switch kind {
    case .view: end = all.count
    case .trigger: end = all.firstIndex { $0.isWord("EACH") }
    case .event: end = all.firstIndex { $0.isWord("DO") }
    case .routine: end = all.firstIndex { $0.isSign("(") || $0.isWord("AS") }
    default: return true
    }
    return all[..<(end ?? all.count)].allSatisfy { $0.condition == nil }
  }

  private static func kind(_ all: [SQLLexeme], _ isForServersWithViews: Bool) -> MariaDBStatement.Kind {
    let words = all.prefix(64).compactMap(\.word)
    guard let first = all.first?.word else { return .unknown }
    switch first {
    case "SET": return setting(all, all.compactMap(\.word))
    case "USE": return database(.use, all)
    case "CREATE": return object(.create, all, words, isForServersWithViews)
    case "DROP": return object(.drop, all, words, isForServersWithViews)
    case "ALTER": return object(.alter, all, words, isForServersWithViews)
    case "GRANT", "REVOKE": return .account
    case "DO", "SELECT": return isSetval(all) ? .table : isHousekeeping(words) ? .omitted : .unknown
    case "CHANGE", "STOP", "RESET", "PURGE", "LOCK", "UNLOCK", "FLUSH", "PREPARE", "EXECUTE", "DEALLOCATE":
      return .omitted
    case "START": return words.dropFirst().first == "TRANSACTION" ? .table : .omitted
    case "COMMIT", "BEGIN": return all.count == 1 ? .table : .unknown
    case "ANALYZE": return words.dropFirst().first == "TABLE" && !isQualified(all, "TABLE") ? .table : .unknown
    default: return .unknown
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
    all.first { $0.name != nil }?.name.map { .database(verb, name: ExactName($0)) } ?? .unknown
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
