import CofferSystem

/// How a statement of pg_dump's begins, written down: `ALTER TABLE ?ONLY % ADD CONSTRAINT`.
///
/// A word stands for itself, one behind `?` may be missing, `name` is any name, `%` a relation of those that are restored, with
/// its schema, `...` whatever stands before the next word outside of parentheses, `(` itself, and `.` the statement's end. What
/// follows the form may be anything.
struct StatementForm {
  private let parts: [String]

  init(_ text: String) {
    parts = text.words
  }

  /// Whether a statement begins so.
  ///
  /// - Parameter place: Where it stands among the tokens.
  func fits(_ tokens: SQLTokens, at place: Range<Int>, of relations: Set<RelationName>) -> Bool {
    var position = place.lowerBound
    let starts = Dictionary(
      tokens.qualified.map { ($0.index, $0.name) }, uniquingKeysWith: { first, _ in first })
    for (index, part) in parts.enumerated() {
      switch part {
      case "%":
        guard let name = starts[position], relations.contains(name) else { return false }
        position += 3
      case "name":
        guard position < place.upperBound, Self.isName(tokens.all[position]) else { return false }
        position += 1
      case "...":
        guard let found = Self.find(parts[index + 1], tokens, from: position, in: place) else { return false }
        position = found
      case ".":
        guard position == place.upperBound else { return false }
      case "(":
        guard position < place.upperBound, tokens.all[position].isSign("(") else { return false }
        position += 1
      default:
        let isOptional = part.begins(with: "?")
        let word = part.after(beginning: "?") ?? part
        let isThere = position < place.upperBound && tokens.all[position].isWord(word)
        guard isThere || isOptional else { return false }
        if isThere { position += 1 }
      }
      guard position <= place.upperBound else { return false }
    }
    return true
  }

  private static func isName(_ token: SQLTokens.Token) -> Bool {
    switch token.kind {
    case .name, .text: true
    case .sign, .other: false
    }
  }

  private static func find(_ word: String, _ tokens: SQLTokens, from start: Int, in place: Range<Int>) -> Int? {
    var depth = 0
    for index in start..<place.upperBound {
      if tokens.all[index].isSign("(") { depth += 1 }
      if tokens.all[index].isSign(")") { depth -= 1 }
      if depth == 0, tokens.all[index].isWord(word) { return index }
    }
    return nil
  }
}
