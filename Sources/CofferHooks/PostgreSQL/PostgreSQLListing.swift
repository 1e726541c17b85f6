import CofferSystem

/// The databases of a server that an entry stands for.
struct PostgreSQLListing {
  let databases: [String]
  /// Those that are meant, but whose names no archive can hold; an error of their own each.
  let unnameable: [ServerText]
  /// What is left out although it is meant.
  let warnings: [String]

  private static let question: PostgreSQLStatement = """
    SELECT \(PostgreSQLAnswer.text("d.datname")),
    d.datallowconn AND d.datconnlimit OPERATOR(pg_catalog.<>) -2 FROM pg_catalog.pg_database d
    WHERE d.datname OPERATOR(pg_catalog.<>) 'template0' AND d.datname OPERATOR(pg_catalog.<>) 'template1'
    ORDER BY d.datname
    """

  /// - Throws: `DumpError.listingFailed`.
  init(_ entry: PostgreSQLEntry, _ conversations: PostgreSQLConversations, context: HookContext) throws {
    guard entry.isPattern else {
      databases = [entry.identity.database]
      unnameable = []
      warnings = []
      return
    }
    let rows: [PostgreSQLAnswer.Row]
    do {
      rows = try Self.rows(entry, conversations, context)
    } catch let end as PostgreSQLConversation.Ended {
      throw DumpError.listingFailed(entry.identity, program: "psql", lines: PostgreSQLFailure.told(end.lines))
    }
    let pattern = entry.identity.database == "all" ? nil : NamePattern(entry.identity.database)
    // A database whose removal was interrupted has a limit of -2, and allows no connections either.
    let meant = rows.compactMap { row in row[0].map { (name: $0, isOpen: row[1]?.text == "t") } }
      .filter { (pattern?.matches($0.name.shown) ?? true) && DrillName($0.name.shown) == nil }
    databases = meant.filter(\.isOpen).compactMap(\.name.text)
    unnameable = meant.filter { $0.isOpen && $0.name.text == nil }.map(\.name)
    warnings = meant.filter { !$0.isOpen }.map {
      "The database '\($0.name.shown)' at \(entry.identity.place) is not dumped, because it allows no connections"
    }
    guard !databases.isEmpty || !unnameable.isEmpty else {
      let wanted = pattern.map { "no database to dump whose name matches '\($0.text)'" } ?? "no databases to dump"
      throw DumpError.listingFailed(entry.identity, program: "psql", lines: ["the server has \(wanted)"])
    }
  }
  /// By the user's options in a psql of its own.
  private static func rows(
    _ entry: PostgreSQLEntry, _ conversations: PostgreSQLConversations, _ context: HookContext
  ) throws -> [PostgreSQLAnswer.Row] {
    guard !entry.listOptions.isEmpty else { return try conversations.askServer(question, columns: 2, context) }
    let result = try entry.connection.queryServer(question, options: entry.listOptions, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: 2) else {
      throw PostgreSQLConversation.Ended(result)
    }
    return answer.rows
  }
}
