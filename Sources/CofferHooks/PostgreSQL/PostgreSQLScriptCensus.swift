import CofferSystem
import Glibc

/// Counts what a script of pg_dumpall makes while it goes by: roles, tablespaces, and of each database tables with their rows, values
/// of sequences, and some kinds of objects.
///
/// pg_dumpall starts a pg_dump for each database, and no snapshot is shared with all of them. So nothing is asked of the server: what
/// is in the script is what a restore has to bring back, whoever writes meanwhile. Of objects only those are counted whose number is
/// that of their statements: constraints and partitions make indexes, and partitions take over triggers.
final class PostgreSQLScriptCensus: ContentSource, ByteSink {
  /// What of a statement's beginning says which kind of object it makes.
  private static let kinds: [(head: String, kind: String)] = [
    ("CREATE VIEW ", "view"), ("CREATE MATERIALIZED VIEW ", "materialized view"),
    ("CREATE FOREIGN TABLE ", "foreign table"), ("CREATE FUNCTION ", "function"), ("CREATE PROCEDURE ", "function"),
    ("CREATE AGGREGATE ", "function"), ("CREATE EXTENSION ", "extension"), ("CREATE EVENT TRIGGER ", "event trigger"),
  ]
  private static let extensionHead = "CREATE EXTENSION IF NOT EXISTS "
  /// Every new database has it, so that it is no sign of a dump's, whose script makes it where somebody has made it anew.
  private static let builtIn = ServerText("plpgsql")

  private var scanner = ScriptScanner()
  /// What of the line that goes by is kept: of a row, the beginning.
  private var line: [UInt8] = []
  private var statement: [UInt8] = []
  /// nil before the first one: what is there belongs to the server.
  private var database: ServerText?
  private var counted = DumpContent()
  /// What each database's script is written in, as it says itself.
  private(set) var encodings: [ServerText: ServerText] = [:]
  private var extensions: Set<ServerText> = []
  /// Where each table of the database stands in the content.
  private var tables: [RelationName: Int] = [:]
  /// Those of the database's own; an extension has the values of its sequences dumped that it wants to.
  private var sequences: Set<RelationName> = []
  /// The table whose rows go by; nil for one that is none of the database's own.
  private var table: Int?
  private var rows: UInt64 = 0
  /// Why nothing is counted any more.
  private var problem: String?

  /// Bytes of a statement, or of a line of one, that are kept.
  private static let statementLimit = 16 << 20
  /// Of each kind in one database, as many as are counted where a dump is restored.
  private static let limit = 20_000
  /// The longest line that ends rows.
  private static let rowEnd = 4

  /// Nobody waits for it, and it keeps no dump from being made.
  let isCounting = false

  func close() {}

  func write(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while problem == nil, rest.count > 0 { rest = scanner.isInRows ? takeRows(rest) : takeLine(rest) }
  }

  func content() -> DumpContent? {
    guard problem == nil, scanner.isBetweenStatements else {
      return DumpContent(remark: "nothing was counted: \(problem ?? "it does not end where a statement does")")
    }
    var content = counted
    content.needs.extensions = extensions.sorted { $0.hex < $1.hex }
    let missing = counted.tables.count { $0.rows == nil }
    if missing > 0 {
      content.remark =
        "\(missing) of \(counted.tables.count) tables were not counted: their rows come by statements, or by the "
        + "table that they are partitions of"
    }
    return content
  }

  // MARK: - Lines

  /// - Returns: What was not taken.
  private func takeRows(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var rest = bytes
    while let base = rest.baseAddress, let found = memchr(base, Int32(UInt8(ascii: "\n")), rest.count) {
      // Between 1 and the count: `found` lies within `rest`.
      let length = found - UnsafeMutableRawPointer(mutating: base) + 1
      let isRow = line.isEmpty && rest[0] != UInt8(ascii: "\\") || !endsRows(rest[..<length])
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
      guard isRow else {
        if let table { counted.tables[table].rows = rows }
        return rest
      }
      rows += 1
      if !line.isEmpty { line = [] }
    }
    line += rest.prefix(Self.rowEnd + 1 - line.count)
    return UnsafeRawBufferPointer(rebasing: rest[rest.endIndex...])
  }

  /// - Parameter end: Of a line, with what is kept of its beginning.
  private func endsRows(_ end: Slice<UnsafeRawBufferPointer>) -> Bool {
    guard line.count + end.count <= Self.rowEnd else { return false }
    (line + end).withUnsafeBytes { scanner.take($0) }
    guard !scanner.isInRows else { return false }
    line = []
    return true
  }

  /// - Returns: What was not taken.
  private func takeLine(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let end = bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
    line += bytes[..<end]
    guard line.count + statement.count <= Self.statementLimit else {
      problem = "it holds a statement of more than \(Self.statementLimit >> 20) MiB"
      return bytes
    }
    if line.last == UInt8(ascii: "\n") {
      let whole = line
      line = []
      whole.withUnsafeBytes(take)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[end...])
  }

  private func take(_ line: UnsafeRawBufferPointer) {
    if scanner.isBetweenStatements {
      if let name = ClusterScript.databaseName(line) { return begin(name) }
      if ClusterScript.isMeta(line) || line.starts(with: "--".utf8) || line.count == 1 { return }
    }
    scanner.take(line)
    statement += line
    guard scanner.isBetweenStatements || scanner.isInRows else { return }
    let whole = statement
    statement = []
    take(statement: whole[...])
  }

  private func begin(_ name: ServerText) {
    database = name
    tables = [:]
    sequences = []
    // Counted even where there are none.
    for (_, kind) in Self.kinds { counted.objects[kind, default: 0] += 0 }
  }

  // MARK: - Statements

  private func take(statement: ArraySlice<UInt8>) {
    guard let database else { return takeGlobal(statement) }
    // What is in it is put back nowhere, and databases whose names no client can be told are looked at nowhere.
    guard ClusterScript.isRestored(database), database.text != nil else { return }
    if let name = Self.rest(of: statement, after: "COPY ").flatMap(ServerNames.leading)?.name {
      table = scanner.isInRows ? tables[name] : nil
      rows = 0
    } else if let name = Self.rest(of: statement, after: "CREATE TABLE ", "CREATE UNLOGGED TABLE ").flatMap(
      ServerNames.leading)?.name
    {
      takeTable(name, of: database, statement)
    } else if statement.starts(with: "SET client_encoding ".utf8) {
      for case .text(let encoding) in SQLTokens(Array(statement))?.all.map(\.kind) ?? [] {
        encodings[database] = ServerText(encoding)
      }
    } else if let name = Self.sequence(madeBy: statement) {
      // What cannot be told apart any more is not counted.
      if sequences.count < Self.limit { sequences.insert(name) }
    } else if Self.rest(of: statement, after: "SELECT pg_catalog.setval(") != nil {
      takeSequence(of: database, statement)
    } else if let found = Self.kinds.first(where: { statement.starts(with: $0.head.utf8) }) {
      let name = Self.rest(of: statement, after: Self.extensionHead).flatMap(PostgreSQLText.leadingIdentifier)?.name
      guard name != Self.builtIn else { return }
      counted.objects[found.kind, default: 0] += 1
      if let name { extensions.insert(name) }
    }
  }

  /// `CREATE SEQUENCE public.s ...`, and `ALTER TABLE public.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.s ...)`.
  private static func sequence(madeBy statement: ArraySlice<UInt8>) -> RelationName? {
    if let rest = rest(of: statement, after: "CREATE SEQUENCE ", "CREATE UNLOGGED SEQUENCE ") {
      return ServerNames.leading(rest)?.name
    }
    guard statement.starts(with: "ALTER TABLE ".utf8), let tokens = SQLTokens(Array(statement))?.all,
      let start = tokens.indices.dropLast(3).first(where: {
        tokens[$0].isSign("(") && tokens[$0 + 1].isWord("SEQUENCE") && tokens[$0 + 2].isWord("NAME")
      })
    else { return nil }
    return ServerNames.leading(statement.dropFirst(tokens[start + 3].range.lowerBound))?.name
  }

  private static func rest(of statement: ArraySlice<UInt8>, after heads: String...) -> ArraySlice<UInt8>? {
    heads.first { statement.starts(with: $0.utf8) }.map { statement.dropFirst($0.utf8.count) }
  }

  private func takeGlobal(_ statement: ArraySlice<UInt8>) {
    if let role = Self.rest(of: statement, after: "CREATE ROLE ").flatMap(PostgreSQLText.leadingIdentifier)?.name {
      counted.accounts = (counted.accounts ?? []) + [ServerNames.shown(role)]
    } else if statement.starts(with: "CREATE TABLESPACE ".utf8) {
      counted.objects[Self.tablespaces, default: 0] += 1
    }
  }

  /// What tablespaces are counted as.
  static let tablespaces = "tablespace"

  private func takeTable(_ name: RelationName, of database: ServerText, _ statement: ArraySlice<UInt8>) {
    guard tables.count < Self.limit else {
      problem = "there are more tables than are counted"
      return
    }
    guard let tokens = SQLTokens(Array(statement)) else {
      problem = "the statement that makes \(name.shown) cannot be read"
      return
    }
    // One that has partitions has no rows of its own.
    guard !tokens.isPartitioned else { return }
    tables[name] = counted.tables.count
    counted.tables.append(.init(name: ServerNames.shown([database, name.schema, name.name]), rows: nil))
  }

  /// `SELECT pg_catalog.setval('public.orders_id_seq', 12, true);` One that has given no value yet says `false`.
  private func takeSequence(of database: ServerText, _ statement: ArraySlice<UInt8>) {
    guard let tokens = SQLTokens(Array(statement))?.all,
      let start = tokens.firstIndex(where: { $0.isSign("(") }), start + 4 < tokens.count,
      case .text(let quoted) = tokens[start + 1].kind, tokens[start + 2].isSign(","),
      let name = ServerNames.leading(quoted[...])?.name, sequences.contains(name)
    else { return }
    let isNegative = tokens[start + 3].isSign("-")
    let number = start + (isNegative ? 4 : 3)
    guard number + 2 < tokens.count, tokens[number + 1].isSign(","), tokens[number + 2].isWord("TRUE"),
      let value = Int64(
        (isNegative ? "-" : "")
          + String(
            decoding: statement[(statement.startIndex + tokens[number].range.lowerBound)...].prefix(
              tokens[number].range.count), as: UTF8.self))
    else { return }
    guard counted.sequences.count < Self.limit else {
      problem = "there are more sequences than are counted"
      return
    }
    counted.sequences.append(.init(name: ServerNames.shown([database, name.schema, name.name]), value: value))
  }
}

extension SQLTokens {
  /// Whether a CREATE TABLE is of a table that has partitions.
  fileprivate var isPartitioned: Bool {
    var depth = 0
    for (index, token) in all.enumerated() {
      if token.isSign("(") { depth += 1 }
      if token.isSign(")") { depth -= 1 }
      if depth == 0, token.isWord("PARTITION"), index + 1 < all.count, all[index + 1].isWord("BY") { return true }
    }
    return false
  }
}
