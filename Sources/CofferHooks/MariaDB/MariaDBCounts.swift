import CofferSystem

/// What a dump of MariaDB's programs makes, statement by statement.
struct MariaDBCounts {
  private var database = ""
  /// nil where they were not counted.
  private var rows: [ExactName: UInt64?] = [:]
  private var objects: [String: Set<ExactName>] = [:]
  private var accounts: Set<ExactName> = []
  /// Whether the table of all rows could be told.
  private(set) var isReadable = true

  private static let kinds: [(kind: MariaDBStatement.Kind, name: String, words: Set<String>)] = [
    (.view, "view", ["VIEW"]), (.trigger, "trigger", ["TRIGGER"]), (.event, "event", ["EVENT"]),
  ]

  /// - Parameters:
  ///   - count: nil where they were not counted.
  ///   - head: The beginning of their statement.
  mutating func add(rows count: UInt64?, to head: [UInt8], _ mode: LexicalMode) {
    guard !MariaDBScript.isSystem(database) else { return }
    guard let name = SQLLexemes.tableOfRows(head, mode).map(full) else {
      isReadable = false
      return
    }
    guard let count, let known = rows[name, default: 0] else {
      rows[name] = .some(nil)
      return
    }
    rows[name] = known + count
  }

  mutating func take(_ statement: MariaDBStatement) {
    if case .database(.use, let name) = statement.kind { database = name.text }
    if let account = MariaDBAccounts.made(by: statement) { accounts.insert(ExactName(account.quoted)) }
    // What is the server's own is not put back.
    guard !MariaDBScript.isSystem(database), statement.lexemes.all.first?.isWord("CREATE") == true else { return }
    if case .table = statement.kind, let name = statement.objectName(after: ["TABLE"]), rows[full(name)] == nil {
      rows[full(name)] = 0
    }
    for (kind, title, words) in Self.kinds where kind == statement.kind {
      guard let name = statement.objectName(after: words) else { continue }
      objects[title, default: []].insert(full(name))
    }
  }

  private func full(_ name: String) -> ExactName { ExactName(MariaDBStreamCensus.shown(database, name)) }

  var content: DumpContent {
    // Older clients hold a view's place with a table until all tables are there.
    let views = objects["view"] ?? []
    let tables = rows.filter { !views.contains($0.key) }
      .map { DumpContent.Table(name: $0.key.text, rows: $0.value) }
    var content = DumpContent(
      tables: tables.sorted { ExactName($0.name) < ExactName($1.name) },
      objects: Dictionary(uniqueKeysWithValues: Self.kinds.map { ($0.name, objects[$0.name]?.count ?? 0) }))
    if !accounts.isEmpty { content.accounts = accounts.sorted().map(\.text) }
    return content
  }
}
