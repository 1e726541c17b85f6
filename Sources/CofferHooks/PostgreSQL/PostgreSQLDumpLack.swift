import CofferSystem

/// What a dump does not have of the tables that its snapshot has: a command of the user's own may leave something out by itself,
/// of which nothing stands in the configuration.
struct PostgreSQLDumpLack: Equatable {
  let tables: [RelationName]
  /// Tables that are in it without their rows.
  let rows: [RelationName]
  /// Whether it has rows of none.
  let isEmpty: Bool

  /// - Parameters:
  ///   - seen: The snapshot's tables, and how many rows they have where that is known.
  ///   - found: The dump's.
  /// - Returns: nil where it lacks nothing.
  init?(
    of seen: [RelationName: UInt64?], _ found: (made: Set<RelationName>, filled: Set<RelationName>)
  ) {
    let sorted = seen.keys.sorted { $0.shown < $1.shown }
    tables = sorted.filter { !found.made.contains($0) }
    // Of a table without rows, too, pg_dump writes that it has none: one that nobody has counted is lacking as well.
    rows = sorted.filter { found.made.contains($0) && !found.filled.contains($0) && (seen[$0] ?? nil) != 0 }
    isEmpty = found.filled.isEmpty
    guard !tables.isEmpty || !rows.isEmpty else { return nil }
  }

  private static let option = PostgreSQLOptions.dumpCommand.name

  /// What an archive keeps of it.
  var details: [String: String] {
    let part = tables.isEmpty ? [:] : [PostgreSQLDumpFacts.partKey: Self.option]
    return isEmpty && !rows.isEmpty
      ? part.merging(DumpHalf(missing: .rows, option: Self.option).detail) { $1 } : part
  }

  var warning: String {
    func list(_ relations: [RelationName]) -> String {
      relations.prefix(10).map(\.shown).joined(separator: ", ") + (relations.count > 10 ? " and others" : "")
    }
    let what = [
      tables.isEmpty ? nil : "the tables \(list(tables))", rows.isEmpty ? nil : "the rows of \(list(rows))",
    ].compactMap(\.self)
    return "\(Self.option) has left out of the dump what is in the database: \(what.joined(separator: ", "))"
  }
}
