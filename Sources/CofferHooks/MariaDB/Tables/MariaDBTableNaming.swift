import CofferSystem

/// Finds the tables of a dump that are meant by names or patterns.
struct MariaDBTableNaming: Sendable {
  /// What was asked for, without a database before it.
  private let wanted: [String]
  private let identity: DumpIdentity

  private static let quote = "`"

  /// - Parameter names: `orders`, `` `orders` ``, either behind the database's name and a dot, or patterns.
  init(_ names: [String], _ identity: DumpIdentity) {
    self.identity = identity
    let database = identity.database
    wanted = names.map { name in
      let bare =
        name.after(beginning: database + ".") ?? name.after(beginning: Quoting.mariadbIdentifier(database) + ".")
        ?? name
      return Self.unquoted(bare) ?? bare
    }
  }

  /// What a name in backticks says; nil for what is none.
  static func unquoted(_ name: String) -> String? {
    guard let inner = name.after(beginning: quote)?.before(end: quote), name.utf8.count > 2 else { return nil }
    let text = inner.swapping("``", for: "`")
    return Quoting.mariadbIdentifier(text).isSame(as: name) ? text : nil
  }

  /// - Parameter tables: Of the dump.
  /// - Throws: `RestoreError.refused` for what fits none.
  func chosen(of tables: [String]) throws(RestoreError) -> Set<ExactName> {
    var chosen: Set<ExactName> = []
    for name in wanted {
      let exact = tables.filter { $0.isSame(as: name) }
      let found = exact.isEmpty ? tables.filter { NamePattern(name).matches($0) } : exact
      guard !found.isEmpty else { throw .unknownTable(name, among: tables, identity) }
      chosen.formUnion(found.map { ExactName($0) })
    }
    return chosen
  }

  /// Whether a table is meant, where it is not known which others there are.
  func mayMean(_ table: String) -> Bool {
    wanted.contains { $0.isSame(as: table) || NamePattern($0).matches(table) }
  }

  /// - Throws: `RestoreError.refused` for what can be no table's name.
  static func newName(_ text: String, _ identity: DumpIdentity) throws(RestoreError) -> String {
    let name = unquoted(text) ?? text
    let isPlain = unquoted(text) != nil || !name.unicodeScalars.contains { $0 == "." || $0 == "`" }
    guard isPlain, !name.isEmpty, name.unicodeScalars.count <= 64, !name.unicodeScalars.contains("\0"),
      !name.ends(with: " ")
    else {
      throw .refused(
        identity, problem: "'\(Quoting.terminal(text))' is no name of a table",
        suggestion:
          "A name has at most 64 characters; one with dots stands in backticks. --target-name chooses another database")
    }
    return name
  }
}
