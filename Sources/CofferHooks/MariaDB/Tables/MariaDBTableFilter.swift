import CofferSystem

/// Which tables of a dump are restored, and as what.
struct MariaDBTableChoice: Sendable {
  /// Whether a table is one of them, by its name in the dump.
  let isChosen: @Sendable (String) -> Bool
  /// The database that they come to.
  let target: String
  /// What the one that is chosen is to be called; nil for its own name.
  let newName: String?
  /// Whether tables that are there are replaced.
  let replaces: Bool
  /// The names that must be among them; nil where they are not known before all of the dump is read.
  let names: Set<ExactName>?
  /// Whether the server wants the names of CHECK constraints to be different in all tables of a database, as MySQL's does.
  var hasSharedCheckNames = false
}

/// Lets of a dump by only what belongs to some of its tables: their definitions, rows and triggers.
struct MariaDBTableFilter {
  private let choice: MariaDBTableChoice
  /// The beginning of rows of which it is not known yet whose they are.
  private var head: [UInt8]? = []
  private var passesRows = false

  /// Names are at most 64 characters long.
  private static let headLimit = 1024

  init(_ choice: MariaDBTableChoice) {
    self.choice = choice
  }

  /// - Returns: The statement as it is to be taken; nil for one that is none of them.
  func passing(_ statement: MariaDBStatement) -> MariaDBStatement? {
    switch statement.kind {
    case .setting, .account, .omitted, .unknown: return statement
    case .database(let verb, _): return verb == .use ? statement : nil
    case .view, .routine, .event: return nil
    case .trigger:
      // A copy that stands beside its table does nothing by itself.
      return choice.newName == nil && statement.triggerTable.map(choice.isChosen) == true ? statement : nil
    case .table:
      if let word = statement.lexemes.all.first?.word, ["COMMIT", "BEGIN", "START"].contains(word) { return statement }
      guard let name = statement.objectName(after: ["TABLE"]), choice.isChosen(name) else { return nil }
      // What it refers to is in the database already, but for what comes with it.
      let own = statement.referring(to: choice.target) { choice.newName == nil && choice.isChosen($0) }
      return choice.newName != nil && choice.hasSharedCheckNames ? own.withoutCheckNames : own
    }
  }

  private static let unclear = StatementSplitter.Unreadable(problem: "it cannot be told which table rows are of")

  /// Takes a part of an INSERT.
  ///
  /// - Throws: `StatementSplitter.Unreadable`; what `emit` throws.
  mutating func take(
    rows: UnsafeRawBufferPointer, _ mode: LexicalMode, emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard var beginning = head else {
      if passesRows { try emit(rows) }
      return
    }
    beginning += rows
    guard let name = SQLLexemes.tableOfRows(Array(beginning.prefix(Self.headLimit)), mode) else {
      guard beginning.count < Self.headLimit else { throw Self.unclear }
      head = beginning
      return
    }
    head = nil
    passesRows = choice.isChosen(name)
    if passesRows { try beginning.withUnsafeBytes(emit) }
  }

  /// - Returns: Whether they were taken.
  /// - Throws: `StatementSplitter.Unreadable` where it was never told whose they are: they must not be lost in silence.
  mutating func endRows() throws(StatementSplitter.Unreadable) -> Bool {
    defer { (head, passesRows) = ([], false) }
    guard head == nil else { throw Self.unclear }
    return passesRows
  }
}

extension SQLLexemes {
  /// The table that an INSERT or REPLACE is of, whether its name is in quotes or not.
  ///
  /// - Parameter beginning: Of the statement.
  /// - Returns: nil as long as the beginning ends before it can be told.
  static func tableOfRows(_ beginning: [UInt8], _ mode: LexicalMode) -> String? {
    let all = SQLLexemes(beginning, mode).all
    guard let into = all.firstIndex(where: { $0.isWord("INTO") }), into + 2 < all.count, !all[into + 2].isSign(".")
    else { return nil }
    let found = all[into + 1]
    return found.name ?? (found.word == nil ? nil : String(decoding: beginning[found.range], as: UTF8.self))
  }
}

extension MariaDBStatement {
  /// The statement, whose foreign keys lead to tables of a database.
  ///
  /// - Parameter stays: Tells whether a table is referred to as it is.
  fileprivate func referring(to database: String, unless stays: (String) -> Bool) -> MariaDBStatement {
    let all = lexemes.all
    let edits = all.indices.dropLast(2).compactMap { index -> (Range<Int>, String)? in
      guard all[index].isWord("REFERENCES"), let name = all[index + 1].name, !all[index + 2].isSign("."), !stays(name)
      else { return nil }
      return (
        all[index + 1].range, "\(Quoting.mariadbIdentifier(database)).\(Quoting.mariadbIdentifier(name))"
      )
    }
    return replacing(edits)
  }

  /// The statement without the names of its CHECK constraints: MySQL gives those that have none names made of the table's, and
  /// others when the table gets another name (https://dev.mysql.com/doc/refman/8.0/en/rename-table.html).
  fileprivate var withoutCheckNames: MariaDBStatement {
    let all = lexemes.all
    let edits = all.indices.dropLast(2).compactMap { index -> (Range<Int>, String)? in
      guard all[index].isWord("CONSTRAINT"), all[index + 2].isWord("CHECK") else { return nil }
      return (all[index].range.lowerBound..<all[index + 2].range.lowerBound, "")
    }
    return replacing(edits)
  }

  /// The table that a trigger is on.
  fileprivate var triggerTable: String? {
    let all = lexemes.all
    guard let start = all.firstIndex(where: { $0.isWord("TRIGGER") }),
      let on = all[start...].firstIndex(where: { $0.isWord("ON") })
    else { return nil }
    let rest = all[(on + 1)...]
    let name = rest.dropFirst().first?.isSign(".") == true ? rest.dropFirst(2).first : rest.first
    return name.flatMap { $0.name ?? ($0.word == nil ? nil : String(decoding: text[$0.range], as: UTF8.self)) }
  }
}
