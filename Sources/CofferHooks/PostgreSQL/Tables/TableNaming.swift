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
      guard !found.isEmpty else { throw unknown(name, tables, identity) }
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

  private static func unknown(_ name: String, _ tables: [RelationName], _ identity: DumpIdentity) -> RestoreError {
    let few = tables.prefix(20).map { Quoting.terminal($0.shown) }.joined(separator: ", ")
    let list = tables.isEmpty ? "no tables" : few + (tables.count > 20 ? " and \(tables.count - 20) more" : "")
    return .refused(
      identity, problem: "the dump has no table '\(Quoting.terminal(name))'", suggestion: "It has \(list)")
  }

  /// What a new name means: one without a schema is in the table's own.
  static func renamed(_ table: RelationName, to name: String) -> RelationName {
    let parts = name.parts(by: ".", limit: 2)
    guard parts.count == 2 else { return RelationName(schema: table.schema, name: ServerText(name)) }
    return RelationName(schema: ServerText(parts[0]), name: ServerText(parts[1]))
  }
}
