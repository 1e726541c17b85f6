import CofferSystem

/// Names of a server's objects as both sides of a comparison write them, whichever version of the server or of pg_dump has quoted
/// them: each has words of its own that it quotes.
enum ServerNames {
  /// - Parameter parts: For example a database, a schema, a table.
  static func shown(_ parts: [ServerText]) -> String { parts.map(shown).joined(separator: ".") }

  static func shown(_ name: ServerText) -> String {
    isPlain(name.bytes) ? name.shown : Quoting.postgresqlIdentifier(name.shown)
  }

  private static func isPlain(_ name: [UInt8]) -> Bool {
    guard let first = name.first, !PostgreSQLText.isDigit(first), first != UInt8(ascii: "$") else { return false }
    return name.allSatisfy {
      PostgreSQLText.isNamePart($0) && $0 < 0x80 && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
    }
  }

  /// Reads a name with its schema that a text begins with.
  ///
  /// - Returns: nil when there is none.
  static func leading(_ text: ArraySlice<UInt8>) -> (name: RelationName, rest: ArraySlice<UInt8>)? {
    guard let schema = PostgreSQLText.leadingIdentifier(text), schema.rest.first == UInt8(ascii: "."),
      let name = PostgreSQLText.leadingIdentifier(schema.rest.dropFirst())
    else { return nil }
    return (RelationName(schema: schema.name, name: name.name), name.rest)
  }
}

extension DumpContent {
  /// Adds what a database of a server holds, its name before those of its tables and sequences.
  mutating func add(_ other: DumpContent, of database: ServerText) {
    func full(_ name: String) -> String {
      let parts = ServerNames.leading(Array(name.utf8)[...]).map { [database, $0.name.schema, $0.name.name] }
      return ServerNames.shown(parts ?? [database, ServerText(name)])
    }
    add(
      DumpContent(
        tables: other.tables.map { Table(name: full($0.name), rows: $0.rows) }, objects: other.objects,
        sequences: other.sequences.map { Sequence(name: full($0.name), value: $0.value) }))
  }
}
