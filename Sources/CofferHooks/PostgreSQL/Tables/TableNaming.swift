import CofferSystem

/// Finds the tables of a dump that are meant by names or patterns.
enum TableNaming {
  /// - Parameters:
  ///   - wanted: `orders`, `public.orders`, `"Orders"`, or a pattern for either. What is in the dump by that very name is
  ///     no pattern.
  /// - Throws: `RestoreError.refused` for what fits none, and for a name that fits tables of several schemas.
  static func tables(
    _ wanted: [String], of tables: [RelationName], _ identity: DumpIdentity
  ) throws(RestoreError) -> [RelationName] {
    var chosen: Set<RelationName> = []
    for name in wanted {
      let exact = tables.filter { spellings($0).contains { $0.isSame(as: name) } }
      guard exact.isEmpty else {
        chosen.formUnion(exact)
        continue
      }
      let bare = tables.filter { $0.name.shown.isSame(as: name) }
      guard bare.count < 2 else {
        throw .refused(
          identity, problem: "several of its schemas have a table '\(Quoting.terminal(name))'",
          suggestion: "Choose " + bare.map { Quoting.pastedWord($0.shown) }.joined(separator: " or "))
      }
      let pattern = NamePattern(name)
      let found = bare.isEmpty && pattern.isPattern ? tables.filter { fits($0, pattern) } : bare
      guard !found.isEmpty else { throw .unknownTable(name, among: tables.map(\.shown), identity) }
      chosen.formUnion(found)
    }
    return tables.filter(chosen.contains)
  }

  /// How a table's name may be written, each of its parts in quotes or without.
  static func spellings(_ table: RelationName) -> [String] {
    let schemas = [table.schema.shown, Quoting.postgresqlIdentifier(table.schema.shown)]
    let names = [table.name.shown, Quoting.postgresqlIdentifier(table.name.shown)]
    return schemas.flatMap { schema in names.map { "\(schema).\($0)" } }
  }

  private static func fits(_ table: RelationName, _ pattern: NamePattern) -> Bool {
    pattern.matches(table.shown) || pattern.matches(table.name.shown)
  }

  /// What a new name means: one without a schema is in the table's own.
  ///
  /// - Parameter name: As in SQL: a name in double quotes is what it says, one without is in small letters, and a dot parts the
  ///   schema from the name.
  /// - Throws: `RestoreError.refused` for what is no name.
  static func renamed(
    _ table: RelationName, to name: String, _ identity: DumpIdentity
  ) throws(RestoreError) -> RelationName {
    var parts: [ServerText] = []
    var rest = Array(name.utf8)[...]
    while let (part, after) = identifier(rest) {
      parts.append(part)
      guard after.first == UInt8(ascii: "."), parts.count < 2 else {
        guard after.isEmpty, let last = parts.last else { break }
        return RelationName(schema: parts.count == 2 ? parts[0] : table.schema, name: last)
      }
      rest = after.dropFirst()
    }
    throw .refused(
      identity, problem: "'\(Quoting.terminal(name))' is no name of a table",
      suggestion:
        "Write it as in SQL: orders_2, archive.orders, or with other signs in double quotes: 'archive.\"Orders (old)\"'"
    )
  }

  /// Reads the name that a text begins with.
  private static func identifier(_ text: ArraySlice<UInt8>) -> (ServerText, ArraySlice<UInt8>)? {
    let isQuoted = text.first == UInt8(ascii: "\"")
    guard let (name, rest) = PostgreSQLText.leadingIdentifier(text), !name.bytes.isEmpty, !name.bytes.contains(0) else {
      return nil
    }
    let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
    return (isQuoted ? name : ServerText(name.bytes.map { capitals.contains($0) ? $0 | 0x20 : $0 }), rest)
  }
}
