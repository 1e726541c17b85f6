import CofferSystem

/// A dump that holds some tables of another one and nothing else, for pg_restore to read from a pipe.
///
/// The tables are made in schemas of the restore's own, which nobody else sees, and come to their place at the end of the
/// same transaction. So what is there stays as it is, and readable, until then; and whatever fails, nothing is left.
struct TableArchive {
  typealias Entry = CustomContents.Entry

  /// Head and table of contents.
  let contents: [UInt8]
  /// The entries whose blocks of rows follow.
  let blocks: Set<Int>
  /// How many entries of each kind it has.
  let counts: [String: Int]

  /// What makes an entry that cannot be taken out of its dump.
  struct Problem: Error {
    let text: String
    let suggestion: String
  }

  /// - Parameters:
  ///   - places: The schema that each schema's tables are made in.
  ///   - end: What is run when everything is there, in the same transaction.
  /// - Throws: `Problem`.
  init(
    _ tables: TableEntries, of dump: CustomContents, places: [ServerText: ServerText], end: PostgreSQLStatement
  ) throws(Problem) {
    let names = MovedNames(
      Dictionary(uniqueKeysWithValues: tables.relations.compactMap { name in places[name.schema].map { (name, $0) } }))
    let numbers = Set(tables.entries.map(\.number))
    let (settings, hasPlainTexts) = try Self.known { () throws(EntryGuard.Foreign) in
      try EntryGuard.settings(of: dump.entries)
    }
    let entryGuard = EntryGuard(relations: tables.relations, hasPlainTexts: hasPlainTexts)
    var entries: [Entry] = []
    for entry in tables.entries { try entries.append(Self.moved(entry, names, entryGuard, numbers, places)) }
    var next = dump.entries.map(\.number).max() ?? 0
    func own(_ kind: String, _ section: CustomContents.Section, _ sql: PostgreSQLStatement) -> Entry {
      next += 1
      return Entry(number: next, kind: kind, tag: Array("coffer".utf8), section: section, definition: sql.bytes)
    }
    let beginnings = places.values.sorted { $0.hex < $1.hex }.map { place in
      // The owner whom a table is given has to be able to have it there. Nobody else ever sees the schema.
      own(
        // In place of a schema's own statement, pg_restore writes one of its own with --no-owner.
        "SHELL TYPE", .preData,
        "CREATE SCHEMA \(identifier: place);\nGRANT ALL ON SCHEMA \(identifier: place) TO PUBLIC;\n")
    }
    // pg_restore runs such entries behind all others, rights included (_tocEntryRestorePass).
    let last = own("MATERIALIZED VIEW DATA", .postData, end)
    contents = dump.bytes(with: settings + beginnings + entries + [last])
    blocks = Set(entries.filter(\.hasData).map(\.number))
    counts = Dictionary(entries.map { ($0.kind, 1) }, uniquingKeysWith: +)
  }

  /// Says what to do about what no pg_dump writes.
  private static func known<Result>(_ body: () throws(EntryGuard.Foreign) -> Result) throws(Problem) -> Result {
    do {
      return try body()
    } catch {
      throw Problem(
        text: error.problem,
        suggestion: "Look at it with 'coffer dump' and 'pg_restore --file -' before anything of it is run")
    }
  }

  private static func moved(
    _ entry: Entry, _ names: MovedNames, _ entryGuard: EntryGuard, _ numbers: Set<Int>,
    _ places: [ServerText: ServerText]
  ) throws(Problem) -> Entry {
    let title = "\(entry.kind) \(String(decoding: entry.tag, as: UTF8.self))"
    try known { () throws(EntryGuard.Foreign) in try entryGuard.check(entry) }
    guard let definition = names.moving(entry.definition), let copying = names.moving(entry.copying) else {
      throw Problem(
        text: "what the dump says of \(title) cannot be read",
        suggestion: "Restore the database whole, under another name with --target-name")
    }
    guard !entry.hasData || copying.count > 0 else { throw withoutCopy(entry, title) }
    guard entry.hasData || definition.count > 0 else {
      throw Problem(
        text: "what the dump says of \(title) does not name the table that it is of",
        suggestion: "Restore the database whole, under another name with --target-name")
    }
    if entry.kind == "TABLE" { try checkParents(entry, entryGuard.relations) }
    try checkHypertable(entry)
    var moved = entry
    moved.definition = definition.sql
    moved.copying = copying.sql
    // Without any, pg_restore gives nothing to its owner. It drops nothing here: what is replaced is, at the end.
    moved.removal = entry.removal.isEmpty ? [] : Array("--\n".utf8)
    moved.schema = places[ServerText(entry.schema)]?.bytes ?? entry.schema
    moved.dependencies = entry.dependencies.filter(numbers.contains)
    return moved
  }

  /// The rows of such a table are in others, which only the extension knows.
  private static func checkHypertable(_ entry: Entry) throws(Problem) {
    guard entry.kind == "TRIGGER", String(decoding: entry.tag, as: UTF8.self).ends(with: " ts_insert_blocker") else {
      return
    }
    throw Problem(
      text: "\(String(decoding: entry.tag, as: UTF8.self).before(end: " ts_insert_blocker") ?? "the table") is a "
        + "hypertable of TimescaleDB, whose rows are in other tables",
      suggestion: "Restore the database whole, under another name with --target-name")
  }

  private static func withoutCopy(_ entry: Entry, _ title: String) -> Problem {
    guard entry.copying.isEmpty else {
      return Problem(
        text: "the rows of \(title) are to go through a table that was not chosen",
        suggestion: "Choose the table that it is a partition of")
    }
    return Problem(
      text: "the rows of \(title) are INSERT statements (--inserts in options), which name the table where it was",
      suggestion: "Restore the database whole, under another name with --target-name")
  }

  /// A table that inherits would show its rows in the table that it inherits from, too, which is in use.
  private static func checkParents(_ entry: Entry, _ relations: Set<RelationName>) throws(Problem) {
    guard let tokens = SQLTokens(entry.definition) else { return }
    for (index, token) in tokens.all.enumerated().dropLast() where token.isWord("INHERITS") {
      guard tokens.all[index + 1].isSign("(") else { continue }
      let parents = tokens.qualified.filter { $0.index > index }
      guard let parent = parents.first(where: { !relations.contains($0.name) }) else { continue }
      throw Problem(
        text: "\(entry.relation.shown) inherits from \(parent.name.shown), where its rows would be seen, too",
        suggestion: "Choose both with --table")
    }
  }
}
