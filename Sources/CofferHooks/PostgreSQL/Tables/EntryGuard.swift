import CofferSystem

/// Lets nothing of a dump's table of contents run but what pg_dump writes there, about the relations that are restored.
///
/// Whoever can change a dump, or has pg_dump see another server, could have the restoring user run anything else, and end the
/// transaction that all of it is done in. What a table's own definition does - its checks, defaults, generated columns, indexes,
/// triggers - it does all the same: it is the table.
struct EntryGuard {
  typealias Entry = CustomContents.Entry

  /// What does not belong in a dump.
  struct Foreign: Error {
    let problem: String
  }

  let relations: Set<RelationName>
  /// Whether a backslash in a text means nothing but itself.
  let hasPlainTexts: Bool

  // MARK: - What a session is set to

  static let settings = ["ENCODING", "STDSTRINGS", "SEARCHPATH"]

  /// The encodings that a database can have (PostgreSQL's documentation, Character Set Support), as pg_dump spells them. In those that only
  /// clients may have, a backslash or a letter can be a part of another sign, and a statement be read in two ways.
  private static let encodings: Set<String> = [
    "EUC_CN", "EUC_JP", "EUC_JIS_2004", "EUC_KR", "EUC_TW", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8",
    "KOI8R", "KOI8U", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5", "LATIN6", "LATIN7", "LATIN8", "LATIN9",
    "LATIN10", "MULE_INTERNAL", "SQL_ASCII", "UTF8", "WIN866", "WIN874", "WIN1250", "WIN1251", "WIN1252", "WIN1253",
    "WIN1254", "WIN1255", "WIN1256", "WIN1257", "WIN1258",
  ]

  private static let searchPath = "SELECT pg_catalog.set_config('search_path', '', false);\n"

  /// The entries that set what the others are read by, with nothing in them but that.
  ///
  /// - Returns: Besides, whether a backslash in a text means nothing but itself.
  /// - Throws: `Foreign`, for all but the very texts of pg_dump.
  static func settings(of entries: [Entry]) throws(Foreign) -> (entries: [Entry], hasPlainTexts: Bool) {
    var clean: [Entry] = []
    for kind in settings {
      let found = entries.filter { $0.kind == kind }
      guard found.count == 1, let entry = found.first else {
        throw Foreign(problem: "the dump has \(found.count) entries \(kind), and pg_dump writes one")
      }
      guard isRight(entry) else {
        throw Foreign(problem: "the dump's entry \(kind) is not what pg_dump writes: \(shown(entry.definition))")
      }
      clean.append(
        Entry(
          number: entry.number, kind: kind, tag: Array(kind.utf8), section: .preData, definition: entry.definition))
    }
    return (clean, clean[1].definition == standardStrings("on"))
  }

  private static func isRight(_ entry: Entry) -> Bool {
    guard !entry.hasData, entry.copying.isEmpty, entry.removal.isEmpty else { return false }
    switch entry.kind {
    case "ENCODING": return encodings.contains { entry.definition == Array("SET client_encoding = '\($0)';\n".utf8) }
    case "STDSTRINGS": return ["on", "off"].contains { entry.definition == standardStrings($0) }
    default: return entry.definition == Array(searchPath.utf8)
    }
  }

  private static func standardStrings(_ value: String) -> [UInt8] {
    Array("SET standard_conforming_strings = '\(value)';\n".utf8)
  }

  // MARK: - Statements

  private static let forms: [String: [StatementForm]] = [
    "TABLE": [
      "CREATE ?UNLOGGED TABLE %", "ALTER TABLE ?ONLY % ALTER COLUMN name SET NOT NULL .",
      "ALTER TABLE ?ONLY % REPLICA IDENTITY", "ALTER TABLE ?ONLY % FORCE ROW", "ALTER TABLE ?ONLY % ADD CONSTRAINT",
      "ALTER TABLE ?ONLY % CLUSTER ON",
    ]
      + ["DEFAULT", "STATISTICS", "STORAGE", "COMPRESSION", "("].map {
        "ALTER TABLE ?ONLY % ALTER COLUMN name SET \($0)"
      },
    "TABLE ATTACH": ["ALTER TABLE ?ONLY % ATTACH PARTITION %"],
    "SEQUENCE": [
      "CREATE ?UNLOGGED SEQUENCE %", "ALTER TABLE ?ONLY % ALTER COLUMN name ADD GENERATED",
      "ALTER SEQUENCE % SET LOGGED .", "ALTER SEQUENCE % SET UNLOGGED .",
    ],
    "SEQUENCE OWNED BY": ["ALTER SEQUENCE % OWNED BY %"],
    "DEFAULT": ["ALTER TABLE ?ONLY % ALTER COLUMN name SET DEFAULT"],
    "CONSTRAINT": constraint, "CHECK CONSTRAINT": constraint, "FK CONSTRAINT": constraint,
    "INDEX": [
      "CREATE ?UNIQUE INDEX name ON ?ONLY %", "ALTER TABLE ?ONLY % CLUSTER ON", "ALTER TABLE ?ONLY % REPLICA IDENTITY",
      "ALTER INDEX % ALTER COLUMN", dependence,
    ],
    "INDEX ATTACH": ["ALTER INDEX % ATTACH PARTITION %"],
    "TRIGGER": [
      "CREATE ?CONSTRAINT TRIGGER name ... ON %", "ALTER TRIGGER name ON % ?NO DEPENDS ON EXTENSION name .",
    ] + switching,
    "RULE": ["CREATE RULE name AS ON name TO %"] + switching,
    "POLICY": ["CREATE POLICY name ON %"],
    "ROW SECURITY": ["ALTER TABLE ?ONLY % ENABLE ROW"],
    "STATISTICS": ["CREATE STATISTICS % ... FROM % .", "ALTER STATISTICS % SET STATISTICS"],
    "COMMENT": [
      "COMMENT ON TABLE % IS", "COMMENT ON COLUMN %", "COMMENT ON SEQUENCE % IS", "COMMENT ON INDEX % IS",
      "COMMENT ON STATISTICS % IS", "COMMENT ON CONSTRAINT name ON %", "COMMENT ON TRIGGER name ON %",
      "COMMENT ON RULE name ON %", "COMMENT ON POLICY name ON %",
    ],
    "ACL": [
      "GRANT ... ON ?TABLE % TO", "GRANT ... ON SEQUENCE % TO", "REVOKE ... ON ?TABLE % FROM",
      "REVOKE ... ON SEQUENCE % FROM", "SET SESSION AUTHORIZATION name .", "RESET SESSION AUTHORIZATION .",
    ],
    "SECURITY LABEL": [
      "SECURITY LABEL FOR name ON TABLE % IS", "SECURITY LABEL FOR name ON COLUMN %",
      "SECURITY LABEL FOR name ON SEQUENCE % IS",
    ],
  ].mapValues { $0.map { StatementForm($0) } }

  private static let constraint = [
    "ALTER TABLE ?ONLY % ADD CONSTRAINT", "ALTER TABLE ?ONLY % CLUSTER ON", "ALTER TABLE ?ONLY % REPLICA IDENTITY",
    "ALTER INDEX % ALTER COLUMN", dependence,
  ]

  private static let dependence = "ALTER INDEX % ?NO DEPENDS ON EXTENSION name ."

  /// Triggers and rules that do not act as they are made.
  private static let switching = ["ALTER TABLE ?ONLY % ENABLE", "ALTER TABLE ?ONLY % DISABLE"]

  /// - Throws: `Foreign`.
  func check(_ entry: Entry) throws(Foreign) {
    let name = "\(entry.kind) \(Quoting.terminal(String(decoding: entry.tag, as: UTF8.self)))"
    guard !entry.hasData || entry.kind == "TABLE DATA" else {
      throw Foreign(problem: "the dump's entry \(name) has rows, and is none that has")
    }
    guard hasPlainTexts || ![entry.definition, entry.copying].contains(where: { $0.contains(UInt8(ascii: "\\")) })
    else {
      throw Foreign(
        problem: "the dump's entry \(name) has backslashes that were written with standard_conforming_strings = off")
    }
    switch entry.kind {
    case "TABLE DATA":
      guard SQLTokens(entry.definition)?.all.isEmpty == true else { throw foreign(name, entry.definition) }
      guard entry.copying.isEmpty || isCopy(entry.copying) else { throw foreign(name, entry.copying) }
    case "SEQUENCE SET":
      guard isSetval(entry.definition) else { throw foreign(name, entry.definition) }
    default:
      guard let tokens = SQLTokens(entry.definition) else {
        throw Foreign(
          problem: "the dump's entry \(name) can be read in more than one way: \(Self.shown(entry.definition))")
      }
      guard let statements = tokens.statements, !statements.isEmpty,
        statements.allSatisfy({ isRight(tokens, $0, entry.kind) }), entry.copying.isEmpty
      else { throw foreign(name, entry.definition) }
    }
  }

  private func foreign(_ name: String, _ sql: [UInt8]) -> Foreign {
    Foreign(problem: "the dump's entry \(name) is not what pg_dump writes: \(Self.shown(sql))")
  }

  private static func shown(_ sql: [UInt8]) -> String {
    "'\(Quoting.terminal(String(decoding: sql.prefix(200), as: UTF8.self)))'" + (sql.count > 200 ? "..." : "")
  }

  private func isRight(_ tokens: SQLTokens, _ place: Range<Int>, _ kind: String) -> Bool {
    guard Self.forms[kind]?.contains(where: { $0.fits(tokens, at: place, of: relations) }) == true else { return false }
    let words = tokens.all[place].prefix(3)
    // One thing is altered at a time, and one is made.
    if words.first?.isWord("ALTER") == true { return !Self.outside(tokens, place).contains { $0.isSign(",") } }
    if words.first?.isWord("CREATE") == true, kind == "TABLE" { return Self.isPlainTable(tokens, place) }
    return true
  }

  /// The tokens outside of parentheses and brackets.
  private static func outside(_ tokens: SQLTokens, _ place: Range<Int>) -> [SQLTokens.Token] {
    var depth = 0
    return tokens.all[place].filter { token in
      if token.isSign("(") || token.isSign("[") { depth += 1 }
      if token.isSign(")") || token.isSign("]") { depth -= 1 }
      return depth == 0
    }
  }

  private static let queryWords = ["AS", "SELECT", "EXECUTE", "VALUES"]

  /// Whether it is made of columns or of a type, and neither of a query nor as a part of another table.
  private static func isPlainTable(_ tokens: SQLTokens, _ place: Range<Int>) -> Bool {
    let all = outside(tokens, place)
    // The table's own name, behind `CREATE TABLE`, may be any word.
    let outside = Array(all.dropFirst((all.firstIndex { $0.isWord("TABLE") } ?? 0) + 4))
    guard !outside.contains(where: { queryWords.contains(where: $0.isWord) }) else { return false }
    guard let parts = outside.firstIndex(where: { $0.isWord("PARTITION") }) else { return true }
    return parts + 1 < outside.count && outside[parts + 1].isWord("BY")
  }

  /// `COPY public.orders (id, note) FROM stdin;`
  private func isCopy(_ sql: [UInt8]) -> Bool {
    guard let tokens = SQLTokens(sql), let place = tokens.statements, place.count == 1,
      StatementForm("COPY %").fits(tokens, at: place[0], of: relations)
    else { return false }
    var rest = tokens.all[place[0]].dropFirst(4)
    if rest.first?.isSign("(") == true {
      guard let end = rest.firstIndex(where: { $0.isSign(")") }),
        rest[..<end].dropFirst().allSatisfy({ token in
          if case .name = token.kind { true } else { token.isSign(",") }
        })
      else { return false }
      rest = rest[(end + 1)...]
    }
    let words = Array(rest)
    return words.count == 2 && words[0].isWord("FROM") && words[1].isWord("STDIN")
  }

  /// `SELECT pg_catalog.setval('public.orders_id_seq', 12, true);`
  private func isSetval(_ sql: [UInt8]) -> Bool {
    guard let tokens = SQLTokens(sql), let places = tokens.statements, places.count == 1 else { return false }
    var words = Array(tokens.all[places[0]])
    words.removeAll { $0.isSign("-") }
    guard words.count == 11, words[0].isWord("SELECT"), words[1].isWord("PG_CATALOG"), words[2].isSign("."),
      words[3].isWord("SETVAL"), words[4].isSign("("), words[6].isSign(","), words[7].kind == .other,
      words[8].isSign(","), words[9].isWord("TRUE") || words[9].isWord("FALSE"), words[10].isSign(")"),
      case .text(let text) = words[5].kind, let inner = SQLTokens(text), inner.all.count == 3,
      let name = inner.qualified.first?.name
    else { return false }
    return relations.contains(name)
  }
}
