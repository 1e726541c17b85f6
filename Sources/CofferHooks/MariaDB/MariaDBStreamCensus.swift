import CofferSystem

/// Counts what a dump holds while it goes by.
///
/// What cannot be told apart is not counted: the restore then says better what is wrong with it.
final class MariaDBStreamCensus: ByteSink {
  private var splitter = StatementSplitter()
  private var isReadable = true
  private var database = ""
  /// The beginning of the INSERT that goes by.
  private var head: [UInt8] = []
  private var mode = LexicalMode()
  private var rows: [ExactName: UInt64] = [:]
  private var objects: [String: Set<ExactName>] = [:]

  /// Names are at most 64 characters long.
  private static let headLimit = 1024
  private static let kinds: [(kind: MariaDBStatement.Kind, name: String, words: Set<String>)] = [
    (.view, "view", ["VIEW"]), (.trigger, "trigger", ["TRIGGER"]), (.event, "event", ["EVENT"]),
  ]

  func write(_ bytes: UnsafeRawBufferPointer) {
    guard isReadable else { return }
    do {
      try splitter.feed(bytes) { piece in take(piece) }
    } catch {
      isReadable = false
    }
  }

  private func take(_ piece: StatementSplitter.Piece) {
    switch piece {
    case .rows(let text, let mode):
      self.mode = mode
      head.append(contentsOf: text.prefix(Self.headLimit - min(head.count, Self.headLimit)))
    case .endOfRows(let count):
      let name = SQLLexemes.tableOfRows(head, mode)
      head = []
      if let name { rows[full(name), default: 0] += count } else { isReadable = false }
    case .statement(let statement): take(statement)
    }
  }

  private func take(_ statement: MariaDBStatement) {
    if case .database(.use, let name) = statement.kind { database = name.text }
    guard statement.lexemes.all.first?.isWord("CREATE") == true else { return }
    if case .table = statement.kind, let name = statement.objectName(after: ["TABLE"]) {
      rows[full(name), default: 0] += 0
    }
    for (kind, title, words) in Self.kinds where kind == statement.kind {
      guard let name = statement.objectName(after: words) else { continue }
      objects[title, default: []].insert(full(name))
    }
  }

  private func full(_ name: String) -> ExactName { ExactName(MariaDBStreamCensus.shown(database, name)) }

  /// A table, as both sides of a comparison name it.
  static func shown(_ database: String, _ name: String) -> String {
    Quoting.mariadbIdentifier(database) + "." + Quoting.mariadbIdentifier(name)
  }

  /// nil when the dump could not be read.
  var content: DumpContent? {
    guard isReadable else { return nil }
    // Older clients hold a view's place with a table until all tables are there.
    let views = objects["view"] ?? []
    let tables = rows.filter { !views.contains($0.key) }
      .map { DumpContent.Table(name: $0.key.text, rows: $0.value) }
    return DumpContent(
      tables: tables.sorted { ExactName($0.name) < ExactName($1.name) },
      objects: Dictionary(uniqueKeysWithValues: Self.kinds.map { ($0.name, objects[$0.name]?.count ?? 0) }))
  }
}
