import CofferSystem

/// Follows what a dump's SET statements do to the session that runs them, as far as the reading of its text is concerned.
struct SessionSettings {
  /// A session that begins with `SET NAMES utf8mb4, sql_mode = ''`, as ours do.
  private(set) var mode = LexicalMode()
  /// Whether the mode is known. A value that is computed could be anything.
  private(set) var isKnown = true
  /// What the variables hold that matter, and those of the session's own making that they are kept in meanwhile.
  private var values = [modes: "", charset: "utf8mb4"]

  private static let modes = "SQL_MODE"
  private static let charset = "CHARACTER_SET_CLIENT"

  /// What a server writes by itself is one word, or words parted by commas.
  private static func isPlain(_ value: String) -> Bool {
    !value.asciiUppercased.isSame(as: "DEFAULT")
      && value.utf8.allSatisfy { $0 < 0x80 && (SQLLexemes.isOfWord($0) || $0 == UInt8(ascii: ",")) }
  }

  mutating func take(_ lexemes: SQLLexemes) {
    let before = values
    var changed: Set<String> = []
    for assignment in SettingAssignment.all(of: lexemes.all) {
      guard let name = assignment.variable else {
        // It may be any of them.
        values = [:]
        break
      }
      let variable = ["NAMES", "CHARACTER_SET"].contains(name) ? Self.charset : name
      guard variable.begins(with: "@") || [Self.modes, Self.charset].contains(variable) else { continue }
      var value = assignment.value
      if let reference = assignment.reference { value = changed.contains(reference) ? nil : before[reference] }
      let isCertain = assignment.isUnconditional && value.map(Self.isPlain) == true
      values[variable] = isCertain ? value : nil
      changed.insert(variable)
    }
    guard let modes = values[Self.modes], let charset = values[Self.charset] else {
      isKnown = false
      return
    }
    isKnown = true
    mode.set(modes: modes)
    mode.set(charset: charset)
  }
}

/// A variable that a SET statement gives a value.
struct SettingAssignment: Equatable {
  /// In capital letters, its scope left out; with `@` before it for one of the session's own making; nil where it is not
  /// written in a way that dump programs have.
  let variable: String?
  /// The one text or word that it is set to; nil for anything else.
  let value: String?
  /// The variable whose value it is set to, in the same form.
  let reference: String?
  /// Whether every server sets it.
  let isUnconditional: Bool

  /// - Returns: None for what does not begin with SET.
  static func all(of lexemes: [SQLLexeme]) -> [SettingAssignment] {
    guard lexemes.first?.isWord("SET") == true else { return [] }
    return lexemes.dropFirst().split { $0.isSign(",") }.compactMap { one(Array($0)) }
  }

  /// Whether statements keep a variable, set it, and bring it back.
  static func isCycle(_ statements: ArraySlice<MariaDBStatement>) -> Bool {
    let all = statements.map { Self.all(of: $0.lexemes.all) }
    guard all.count == 3, all.allSatisfy({ $0.count == 1 }), let kept = all[0][0].variable, let set = all[1][0].variable
    else { return false }
    return kept.begins(with: "@") && all[0][0].reference == set && all[1][0].reference == nil
      && all[2][0].variable == set && all[2][0].reference == kept
  }

  private static let scopes: Set<String> = ["SESSION", "LOCAL", "GLOBAL", "PERSIST", "PERSIST_ONLY"]

  private static func one(_ lexemes: [SQLLexeme]) -> SettingAssignment? {
    let isUnconditional = lexemes.allSatisfy { $0.condition == nil }
    func assignment(_ variable: String?, _ value: ArraySlice<SQLLexeme>) -> SettingAssignment {
      SettingAssignment(
        variable: variable, value: value.count == 1 ? text(value.first) : nil,
        reference: value.first?.isSign("@") == true ? name(value) : nil, isUnconditional: isUnconditional)
    }
    guard let equals = lexemes.firstIndex(where: { $0.isSign("=") }) else {
      let words = lexemes.prefix(2).map { $0.word ?? "" }
      if words.first == "NAMES" {
        return assignment("NAMES", lexemes.dropFirst().prefix { !$0.isWord("COLLATE") })
      }
      if words.first == "CHARSET" { return assignment("CHARACTER_SET", lexemes.dropFirst()) }
      return words == ["CHARACTER", "SET"] ? assignment("CHARACTER_SET", lexemes.dropFirst(2)) : nil
    }
    return assignment(name(lexemes[..<equals].filter { !$0.isSign(":") }[...]), lexemes[(equals + 1)...])
  }

  /// The variable that `sql_mode`, `SESSION sql_mode`, `@@session.sql_mode` or `@saved` is.
  private static func name(_ lexemes: ArraySlice<SQLLexeme>) -> String? {
    let signs = lexemes.prefix { $0.isSign("@") }.count
    let rest = lexemes.dropFirst(signs)
    let names = rest.compactMap { $0.word ?? $0.name?.asciiUppercased }
    guard signs <= 2, rest.count == names.count + (rest.contains { $0.isSign(".") } ? 1 : 0) else { return nil }
    // Servers take more than the same letters for the same name.
    guard names.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 && SQLLexemes.isOfWord($0) } }) else { return nil }
    if signs == 1 { return names.count == 1 && rest.count == 1 ? "@" + names[0] : nil }
    let own = names.filter { !scopes.contains($0) }
    return own.count == 1 ? own[0] : nil
  }

  private static func text(_ lexeme: SQLLexeme?) -> String? {
    switch lexeme?.content {
    case .text(let text), .name(let text), .word(let text): text
    default: nil
    }
  }
}
