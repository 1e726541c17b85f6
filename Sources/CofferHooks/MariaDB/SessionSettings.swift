import CofferSystem

/// Follows what a dump's SET statements do to the session that runs them, as far as the reading of its text is concerned.
struct SessionSettings {
  /// A session that begins with `SET NAMES utf8mb4, sql_mode = ''`, as ours do.
  private(set) var mode = LexicalMode()
  /// What `SET NAMES` said last: dumps remember the character set in a variable, and go back to it.
  private var names = "utf8mb4"

  mutating func take(_ lexemes: SQLLexemes) {
    for assignment in SettingAssignment.all(of: lexemes.all) {
      switch assignment.variable {
      case "SQL_MODE": mode.set(modes: assignment.value ?? "")
      case "NAMES", "CHARACTER_SET":
        names = assignment.value ?? "utf8mb4"
        mode.set(charset: names)
      case "CHARACTER_SET_CLIENT": mode.set(charset: assignment.value ?? names)
      default: break
      }
    }
  }
}

/// A variable that a SET statement gives a value.
struct SettingAssignment: Equatable {
  /// In capital letters, its scope left out; with `@` before it for one of the session's own making.
  let variable: String
  /// A text, word or number; nil for what is only known to the session: the value of another variable.
  let value: String?

  /// - Returns: None for what does not begin with SET.
  static func all(of lexemes: [SQLLexeme]) -> [SettingAssignment] {
    guard lexemes.first?.isWord("SET") == true else { return [] }
    return lexemes.dropFirst().split { $0.isSign(",") }.compactMap { one(Array($0)) }
  }

  private static let scopes: Set<String> = ["SESSION", "LOCAL", "GLOBAL", "PERSIST", "PERSIST_ONLY"]

  private static func one(_ lexemes: [SQLLexeme]) -> SettingAssignment? {
    let words = lexemes.prefix(3).map { $0.word ?? "" }
    if words.first == "NAMES" { return SettingAssignment(variable: "NAMES", value: text(lexemes.dropFirst())) }
    if words.starts(with: ["CHARACTER", "SET"]) {
      return SettingAssignment(variable: "CHARACTER_SET", value: text(lexemes.dropFirst(2)))
    }
    guard let equals = lexemes.firstIndex(where: { $0.isSign("=") }) else { return nil }
    let left = lexemes[..<equals].filter { !$0.isSign(".") && !$0.isSign(":") }
    let signs = left.filter { $0.isSign("@") }.count
    let names = left.compactMap { $0.word ?? $0.name?.uppercased() }
    guard let name = names.last(where: { !scopes.contains($0) }) else { return nil }
    return SettingAssignment(variable: signs == 1 ? "@" + name : name, value: text(lexemes[(equals + 1)...]))
  }

  private static func text(_ lexemes: ArraySlice<SQLLexeme>) -> String? {
    switch lexemes.first?.content {
    case .text(let text), .name(let text), .word(let text): text
    default: nil
    }
  }
}
