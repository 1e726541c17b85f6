import CofferSystem

/// What a dump lacks although its database has it: what the account may not see, and what the dump program leaves out. It
/// is said at every backup, and kept in the archive to be said at the restore.
struct MariaDBLosses: Sendable, Equatable {
  /// What may be there and cannot be seen, for example `triggers`.
  private(set) var unseen: [String] = []
  /// GRANT statements that mend it.
  private(set) var grants: [String] = []
  /// Tables whose history is left out.
  private(set) var withoutHistory: [String] = []

  private static let unseenKey = "unseen"
  private static let historyKey = "without_history"
  private static let namedTables = 20

  /// What an archive says of its dump.
  init(_ details: [String: String]) {
    unseen = details[Self.unseenKey].map { $0.parts(by: ", ") } ?? []
    withoutHistory = details[Self.historyKey].map { [$0] } ?? []
  }

  /// Asks the server.
  ///
  /// - Parameter ask: Runs SQL and returns its rows, each of as many fields as it is told.
  init(
    of databases: [String], entry: MariaDBEntry, facts: MariaDBServerFacts,
    _ ask: (_ sql: String, _ fields: Int) throws -> [[String]]
  ) throws {
    for database in databases { look(at: database, entry, facts) }
    guard !entry.dumpsHistory, !databases.isEmpty else { return }
    let list = databases.map(Quoting.mariadbLiteral).joined(separator: ", ")
    let wanted = Set(databases.map(ExactName.init))
    let rows = try ask(
      """
      SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
      WHERE TABLE_TYPE = 'SYSTEM VERSIONED' AND TABLE_SCHEMA IN (\(list))
      """, 2)
    withoutHistory = rows.filter { wanted.contains(ExactName($0[0])) }.map { "\($0[0]).\($0[1])" }
  }

  private mutating func look(at database: String, _ entry: MariaDBEntry, _ facts: MariaDBServerFacts) {
    let rights = facts.grants
    var lacking: [String] = []
    func note(_ what: String, _ losses: inout MariaDBLosses) {
      if !losses.unseen.contains(what) { losses.unseen.append(what) }
    }
    if !rights.has("SELECT", on: database) {
      lacking.append("SELECT")
      note("tables and views", &self)
    }
    if !rights.has("TRIGGER", on: database) {
      lacking.append("TRIGGER")
      note("triggers", &self)
    }
    if !lacking.isEmpty {
      grants.append(
        "GRANT \(lacking.joined(separator: ", ")) ON \(Quoting.mariadbIdentifier(database)).* TO \(facts.account)")
    }
    // Whoever may run or change all of a database's routines is shown that they are there: then the dump fails where it
    // may not read them.
    let isShown = ["EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE"].contains {
      rights.has($0, on: database)
    }
    if entry.dumpsRoutines, !isShown, !rights.hasEverywhere("SHOW_ROUTINE"),
      !rights.has("SELECT", on: MariaDBDialect.accountsDatabase, table: "proc")
    {
      note("procedures and functions", &self)
      let grant =
        entry.dialect.dumpsAccounts
        ? "GRANT SELECT ON mysql.proc TO \(facts.account)" : "GRANT SHOW_ROUTINE ON *.* TO \(facts.account)"
      if !grants.contains(grant) { grants.append(grant) }
    }
  }

  /// For the archive.
  var details: [String: String] {
    var details: [String: String] = [:]
    if !unseen.isEmpty { details[Self.unseenKey] = unseen.joined(separator: ", ") }
    if !withoutHistory.isEmpty { details[Self.historyKey] = historyText }
    return details
  }

  private var historyText: String {
    let names = withoutHistory.prefix(Self.namedTables).joined(separator: ", ")
    return withoutHistory.count > Self.namedTables
      ? "\(names) and \(withoutHistory.count - Self.namedTables) more" : names
  }

  /// The rights that are missing, as a problem and what mends it; nil when none are.
  var missingRights: (problem: String, suggestion: String)? {
    guard !unseen.isEmpty else { return nil }
    return (
      "the user may not see all \(unseen.joined(separator: ", ")): the dump lacks those that there are",
      "As an administrator: \(grants.joined(separator: "; "))"
    )
  }

  /// What is said when the dump is made.
  var warnings: [String] {
    let rights = missingRights.map { ["\($0.problem.capitalizedFirst). \($0.suggestion)"] } ?? []
    let history =
      withoutHistory.isEmpty
      ? []
      : [
        "The history of system-versioned tables is left out: \(historyText). With 'options: --dump-history' it is dumped"
      ]
    return rights + history
  }

  /// What is said when a dump is restored.
  var restoreWarnings: [String] {
    let rights =
      unseen.isEmpty
      ? []
      : ["The dump was made by a user who may not see all \(unseen.joined(separator: ", ")): some may be missing"]
    let history =
      withoutHistory.isEmpty ? [] : ["The history of system-versioned tables is not in the dump: \(historyText)"]
    return rights + history
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

/// Rights that everybody has (`GRANT ... TO PUBLIC`). Dump programs leave them out of the accounts.
struct MariaDBSharedRights {
  /// One GRANT each, and nothing else.
  let statements: [MariaDBStatement]

  private static let key = "public_grants"

  /// - Parameter lines: What `SHOW GRANTS FOR PUBLIC` says.
  init(lines: [String]) {
    statements = lines.map { MariaDBStatement($0) }.filter(Self.isGrantToPublic)
  }

  /// What an archive says of its dump.
  init(_ details: [String: String]) {
    self.init(lines: details[Self.key].map { $0.parts(by: "\n", keepingEmpty: false) } ?? [])
  }

  private static func isGrantToPublic(_ statement: MariaDBStatement) -> Bool {
    let all = statement.lexemes.all
    let words = statement.lexemes.words
    let isPassedOn = all.suffix(3).map(\.word) == ["WITH", "GRANT", "OPTION"]
    let tail = (isPassedOn ? all.dropLast(3) : all[...]).suffix(2).map(\.word)
    let isPlain = all.allSatisfy { lexeme in
      switch lexeme.content {
      case .word, .name: true
      case .sign(let sign): "(),.*".utf8.contains(sign)
      case .text, .number: false
      }
    }
    return isPlain && words.first == "GRANT" && words.contains("ON") && tail == ["TO", "PUBLIC"]
      && !statement.lexemes.isOpen && !statement.lexemes.holdsZero && all.allSatisfy { $0.condition == nil }
  }

  /// For the archive.
  var details: [String: String] {
    let lines = statements.map { String(decoding: $0.text, as: UTF8.self) }
    return lines.isEmpty ? [:] : [Self.key: lines.joined(separator: "\n")]
  }
}
