import CofferSystem

/// Views that read a database which the same run restores later: that may be missing by now, or be an old one. Dumps hold
/// the place of each view with one that has its columns only; it stays until the other database is there.
struct MariaDBPostponedViews {
  /// What is made at once.
  private(set) var now: [MariaDBScript.Program] = []
  /// What is made in the end, with the settings that go with it.
  private(set) var later: [MariaDBScript.Program] = []

  /// - Parameters:
  ///   - programs: Of one database, in the order of the dump.
  ///   - isLater: Whether a database is one that is restored later.
  init(_ programs: [MariaDBScript.Program], isLater: (String) -> Bool) {
    var postponed: Set<Int> = []
    var drops: [ProgramName: [Int]] = [:]
    for (index, program) in programs.enumerated() {
      guard let object = program.object, program.statement.kind == .view else { continue }
      if program.statement.lexemes.all.first?.isWord("DROP") == true {
        drops[object, default: []].append(index)
      } else if ViewNames(program.statement.lexemes.all).names(isLater) {
        postponed.formUnion([index] + (drops.removeValue(forKey: object) ?? []))
      } else {
        drops[object] = nil
      }
    }
    guard !postponed.isEmpty else {
      now = programs
      return
    }
    for (index, program) in programs.enumerated() {
      let isPostponed = postponed.contains(index)
      if !isPostponed { now.append(program) }
      if !isPostponed, program.object != nil { continue }
      // A view that fails must not take the one with it that holds its place; a table can hold it as well.
      if isPostponed, program.statement.lexemes.words.prefix(2) == ["DROP", "VIEW"] { continue }
      let statement = isPostponed ? program.statement.replacingView : program.statement
      later.append(.init(object: program.object, statement: statement))
    }
  }
}

extension MariaDBStatement {
  /// `CREATE OR REPLACE`, which leaves what is there when it fails.
  fileprivate var replacingView: MariaDBStatement {
    let all = lexemes.all
    guard let first = all.first, first.isWord("CREATE"), all.dropFirst().first?.isWord("OR") != true else {
      return self
    }
    return replacing([(first.range, "CREATE OR REPLACE")])
  }
}
