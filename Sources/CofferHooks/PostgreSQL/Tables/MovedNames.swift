import CofferSystem

/// Relations that a restore makes in a schema of its own, and what statements of a dump call them there.
///
/// Whatever the statements say besides - types, functions, tables that are not restored - is what is in the database.
struct MovedNames {
  /// The new schema of each.
  private let schemas: [RelationName: ServerText]

  /// Words behind which a name with a parenthesis after it is one of a relation, and none of a function.
  private static let relationWords = [
    "TABLE", "ONLY", "ON", "REFERENCES", "INTO", "COPY", "STATISTICS", "EXISTS", "FROM", "TO", "SEQUENCE",
  ]

  init(_ schemas: [RelationName: ServerText]) {
    self.schemas = schemas
  }

  /// - Returns: The statements with the new names, and how many they were; nil for what cannot be read.
  func moving(_ sql: [UInt8]) -> (sql: [UInt8], count: Int)? {
    guard let tokens = SQLTokens(sql) else { return nil }
    var replaced: [(range: Range<Int>, by: [UInt8])] = tokens.qualified.compactMap { found in
      guard let schema = schemas[found.name], !isFunction(found, tokens) else { return nil }
      return (tokens.all[found.index].range, Quoting.postgresqlIdentifier(schema.bytes))
    }
    replaced += tokens.all.indices.compactMap { index in
      guard case .text(let text) = tokens.all[index].kind, isOfRelation(index, tokens),
        let inner = SQLTokens(text), inner.all.count == 3, let name = inner.qualified.first?.name,
        let schema = schemas[name]
      else { return nil }
      let moved = RelationName(schema: schema, name: name.name).quoted
      return (tokens.all[index].range, Quoting.postgresqlLiteral(moved.bytes))
    }
    var result: [UInt8] = []
    var position = 0
    for (range, new) in replaced.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      result += sql[position..<range.lowerBound] + new
      position = range.upperBound
    }
    return (result + sql[position...], replaced.count)
  }

  private func isFunction(_ found: SQLTokens.Qualified, _ tokens: SQLTokens) -> Bool {
    let after = found.index + 3
    guard after < tokens.all.count, tokens.all[after].isSign("(") else { return false }
    guard found.index > 0 else { return true }
    return !Self.relationWords.contains { tokens.all[found.index - 1].isWord($0) }
  }

  /// `nextval('public.orders_id_seq'::regclass)`, `setval('public.orders_id_seq', 12, true)`
  private func isOfRelation(_ index: Int, _ tokens: SQLTokens) -> Bool {
    let all = tokens.all
    if index + 3 < all.count, all[index + 1].isSign(":"), all[index + 2].isSign(":"), all[index + 3].isWord("REGCLASS")
    {
      return true
    }
    return index > 1 && all[index - 1].isSign("(")
      && ["NEXTVAL", "SETVAL", "CURRVAL"].contains { all[index - 2].isWord($0) }
  }
}
