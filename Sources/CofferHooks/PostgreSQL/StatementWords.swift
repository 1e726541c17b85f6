import CofferSystem

/// The unquoted words of a statement, as far as they decide where it ends and whether rows follow.
struct StatementWords {
  private(set) var isEmpty = true
  private var parentheses = 0
  /// Of bodies in the SQL standard's form (`BEGIN ATOMIC ... END`), in which semicolons end nothing.
  private var bodies = 0
  /// The first letters of the first words, if these are what a routine is made with.
  private var heads: [UInt8] = []
  private var count = 0
  private var isCopy = false
  private var followsFrom = false

  /// Whether the statement so far is a COPY whose rows come with the script.
  private(set) var isCopyFromInput = false

  /// Whether a semicolon ends the statement here.
  var canEnd: Bool { parentheses == 0 && bodies == 0 }

  mutating func takeParenthesis(_ sign: UInt8) {
    takeOther()
    if sign == UInt8(ascii: "(") { parentheses += 1 } else if parentheses > 0 { parentheses -= 1 }
  }

  /// Something that is no unquoted word.
  mutating func takeOther() {
    isEmpty = false
    followsFrom = false
  }

  mutating func take(_ word: UnsafeRawBufferPointer) {
    let text = word.count <= 9 ? String(decoding: word, as: UTF8.self).asciiLowercased : ""
    if isEmpty { isCopy = text == "copy" }
    if isCopy, parentheses == 0, followsFrom, text == "stdin" { isCopyFromInput = true }
    isEmpty = false
    followsFrom = text == "from"
    if count < 4, let head = text.utf8.first, Self.routineWords.contains(text) {
      heads += [UInt8](repeating: 0, count: count - heads.count) + [head]
    }
    count += 1
    guard isRoutine, parentheses == 0 else { return }
    switch text {
    case "begin": bodies += 1
    case "case" where bodies > 0: bodies += 1
    case "end" where bodies > 0: bodies -= 1
    default: break
    }
  }

  private static let routineWords: Set = ["create", "or", "replace", "function", "procedure"]

  /// `CREATE FUNCTION`, `CREATE OR REPLACE PROCEDURE` and their like, by the letters that psql looks at.
  private var isRoutine: Bool {
    let text = String(decoding: heads, as: UTF8.self)
    return ["cf", "cp", "corf", "corp"].contains { text.utf8.starts(with: $0.utf8) }
  }
}
