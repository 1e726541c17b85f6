import CofferSystem

/// Views that read a database which the same run restores later: that may be missing by now, or be an old one. Dumps hold
/// the place of each view with one that has its columns, and one row of ones or of nothing; until the other database is
/// there, one without rows stands there in its stead.
struct MariaDBPostponedViews {
  /// What is made at once.
  private(set) var now: [MariaDBScript.StoredProgram] = []
  /// What is made in the end, with the settings that go with it.
  private(set) var later: [MariaDBScript.StoredProgram] = []
  /// The views that have to wait.
  private(set) var waiting: [ProgramName] = []

  /// - Parameters:
  ///   - programs: Of one database, in the order of the dump.
  ///   - isLater: Whether a database is one that is restored later.
  init(_ programs: [MariaDBScript.StoredProgram], isLater: (String) -> Bool) {
    var postponed: Set<Int> = []
    var drops: [ProgramName: [Int]] = [:]
    /// The last that was made of a name, which holds the place of what comes next.
    var made: [ProgramName: Int] = [:]
    var held: [Int: MariaDBStatement] = [:]
    var needed: Set<Int> = []
    for (index, program) in programs.enumerated() {
      guard let object = program.object, program.statement.kind == .view else { continue }
      if program.statement.lexemes.all.first?.isWord("DROP") == true {
        drops[object, default: []].append(index)
        continue
      }
      let last = drops.removeValue(forKey: object) ?? []
      if ViewNames(program.statement.lexemes.all).names(isLater) {
        postponed.formUnion([index] + last)
        waiting.append(object)
        let place = made[object].flatMap { index in programs[index].statement.holdingPlace.map { (index, $0) } }
        if let (index, statement) = place {
          held[index] = statement
        } else {
          // Old dumps hold the place with a table, whose place no view takes.
          needed.formUnion(last.filter { programs[$0].statement.lexemes.words.dropFirst().first == "TABLE" })
        }
      }
      made[object] = index
    }
    guard !postponed.isEmpty else {
      now = programs
      return
    }
    for (index, program) in programs.enumerated() {
      let isPostponed = postponed.contains(index)
      if !isPostponed {
        now.append(held[index].map { .init(object: program.object, statement: $0) } ?? program)
        if program.object != nil { continue }
      }
      // A view that fails must not take with it the one that holds its place.
      if isPostponed, !needed.contains(index), program.statement.lexemes.all.first?.isWord("DROP") == true { continue }
      let statement = isPostponed ? program.statement.replacingView : program.statement
      later.append(.init(object: program.object, statement: statement))
    }
  }
}

extension MariaDBStatement {
  /// What the definition of a view holds that only holds the place of another.
  static let placeMark = "The restore that makes this view has not ended"

  /// A view without rows with the columns of the one that dumps hold a view's place with: `CREATE VIEW v AS SELECT 1 AS a,
  /// 1 AS b`, with NULL in newer ones. Nil for anything else.
  fileprivate var holdingPlace: MariaDBStatement? {
    let all = lexemes.all
    guard let name = all.firstIndex(where: { $0.name != nil }), name > 0, all[name - 1].isWord("VIEW") else {
      return nil
    }
    let columns = selectedColumns(all[(name + 1)...])
    guard !columns.isEmpty else { return nil }
    var bytes = Array("CREATE OR REPLACE VIEW ".utf8) + text[all[name].range] + Array(" AS SELECT ".utf8)
    for (index, column) in columns.enumerated() {
      bytes += Array(index == 0 ? "1 AS ".utf8 : ", 1 AS ".utf8) + text[column.range]
    }
    bytes += Array(" HAVING '\(Self.placeMark)' = '' LIMIT 0".utf8)
    return MariaDBStatement(bytes, mode: mode)
  }

  /// - Returns: None when there is something else than columns of one value each.
  private func selectedColumns(_ rest: ArraySlice<SQLLexeme>) -> [SQLLexeme] {
    guard rest.prefix(2).map(\.word) == ["AS", "SELECT"] else { return [] }
    let columns = rest.dropFirst(2)
    let names = columns.split { $0.isSign(",") }.compactMap { column -> SQLLexeme? in
      guard column.count == 3, let value = column.first, value.content == .number || value.isWord("NULL"),
        column[column.startIndex + 1].isWord("AS"), let name = column.last, name.name != nil
      else { return nil }
      return name
    }
    return names.count == columns.count { $0.isSign(",") } + 1 ? names : []
  }

  /// `CREATE OR REPLACE`, which leaves what is there when it fails.
  fileprivate var replacingView: MariaDBStatement {
    let all = lexemes.all
    guard let first = all.first, first.isWord("CREATE"), all.dropFirst().first?.isWord("OR") != true else {
      return self
    }
    return replacing([(first.range, "CREATE OR REPLACE")])
  }
}
