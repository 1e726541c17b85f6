import CofferSystem

/// What of a dump's table of contents belongs to some tables: their rows, columns' defaults, indexes, constraints, triggers,
/// rules, policies, statistics, comments and rights, the sequences that they own, and their partitions.
///
/// Not what belongs to others: their foreign keys that refer to these tables, views, functions, types.
struct TableEntries {
  typealias Entry = CustomContents.Entry

  /// Chosen ones first by their order in the dump, with partitions of chosen ones.
  let tables: [RelationName]
  /// Those that were named; the others are partitions of them.
  let named: [RelationName]
  /// In the dump's order.
  private(set) var entries: [Entry] = []
  /// All relations that they make: tables, indexes, sequences, and extended statistics, whose names are like theirs.
  private(set) var relations: Set<RelationName> = []

  private static let additions = ["COMMENT", "ACL", "SECURITY LABEL"]

  /// - Parameter tables: Of the dump.
  init(of named: [RelationName], in contents: CustomContents) {
    self.named = named
    let all = contents.entries
    tables = Self.withPartitions(named, all)
    let tables = Set(self.tables)
    let sequences = Self.sequences(of: tables, all)
    relations = tables.union(sequences)
    var taken: Set<Int> = []
    for entry in all where Self.belongs(entry, tables, sequences) {
      taken.insert(entry.number)
      if let made = Self.relation(madeBy: entry) { relations.insert(made) }
    }
    for entry in all where Self.attaches(entry, within: relations) { taken.insert(entry.number) }
    for entry in all where Self.additions.contains(where: { entry.kind == $0 }) {
      if entry.dependencies.contains(where: taken.contains) { taken.insert(entry.number) }
    }
    entries = all.filter { taken.contains($0.number) }
  }

  /// The tables of a dump, in its order.
  static func tables(in contents: CustomContents) -> [RelationName] {
    contents.entries.filter { $0.kind == "TABLE" }.map(\.relation)
  }

  // MARK: - Whose an entry is

  private static func withPartitions(_ named: [RelationName], _ all: [Entry]) -> [RelationName] {
    var children: [RelationName: [RelationName]] = [:]
    for entry in all where entry.kind == "TABLE ATTACH" {
      guard let names = SQLTokens(entry.definition)?.qualified.map(\.name), names.count >= 2 else { continue }
      children[names[0], default: []].append(names[1])
    }
    var found = named
    var known = Set(named)
    var next = 0
    while next < found.count {
      for child in children[found[next]] ?? [] where known.insert(child).inserted { found.append(child) }
      next += 1
    }
    return found
  }

  private static func sequences(of tables: Set<RelationName>, _ all: [Entry]) -> Set<RelationName> {
    Set(
      all.compactMap { entry -> RelationName? in
        guard let tokens = SQLTokens(entry.definition) else { return nil }
        switch entry.kind {
        case "SEQUENCE OWNED BY":
          let owner = tokens.qualified.last?.name
          return owner.map(tables.contains) == true ? entry.relation : nil
        case "SEQUENCE":
          // Of a column that is an identity, the table's statement makes it.
          let owner = tokens.qualified(after: ["TABLE"]).first?.name
          return owner.map(tables.contains) == true ? entry.relation : nil
        default: return nil
        }
      })
  }

  private static func belongs(_ entry: Entry, _ tables: Set<RelationName>, _ sequences: Set<RelationName>) -> Bool {
    switch entry.kind {
    case "TABLE", "TABLE DATA": return tables.contains(entry.relation)
    case "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET": return sequences.contains(entry.relation)
    default: return subject(of: entry).map(tables.contains) == true
    }
  }

  /// The table that an entry's statement is about.
  private static func subject(of entry: Entry) -> RelationName? {
    let words: [String]
    switch entry.kind {
    case "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "DEFAULT", "ROW SECURITY": words = ["TABLE"]
    case "INDEX", "TRIGGER", "POLICY": words = ["ON"]
    case "RULE": words = ["TO"]
    case "STATISTICS": words = ["FROM"]
    default: return nil
    }
    let found = SQLTokens(entry.definition)?.qualified(after: words)
    return entry.kind == "STATISTICS" ? found?.last?.name : found?.first?.name
  }

  private static func relation(madeBy entry: Entry) -> RelationName? {
    switch entry.kind {
    case "INDEX", "STATISTICS": return entry.relation
    case "CONSTRAINT":
      // The index of a key has the key's name.
      guard let tokens = SQLTokens(entry.definition)?.all,
        let word = tokens.firstIndex(where: { $0.isWord("CONSTRAINT") }), word + 1 < tokens.count,
        case .name(let name, _) = tokens[word + 1].kind
      else { return nil }
      return RelationName(schema: ServerText(entry.schema), name: ServerText(name))
    default: return nil
    }
  }

  private static func attaches(_ entry: Entry, within relations: Set<RelationName>) -> Bool {
    guard entry.kind == "TABLE ATTACH" || entry.kind == "INDEX ATTACH",
      let names = SQLTokens(entry.definition)?.qualified.map(\.name), names.count >= 2
    else { return false }
    return relations.contains(names[0]) && relations.contains(names[1])
  }
}

extension CustomContents.Entry {
  /// What it is named, for those whose name is all that the tag has.
  var relation: RelationName { RelationName(schema: ServerText(schema), name: ServerText(tag)) }
}
