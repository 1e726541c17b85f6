import CofferSystem

/// Views that read a database which the same run restores later: that may be missing by now, or be an old one. Dumps hold
/// the place of each view with one that has its columns only; it stays until the other database is there.
struct MariaDBPostponedViews {
  /// What is made at once.
  private(set) var now: [MariaDBScript.Program] = []
  /// What is made in the end, with the settings that go with it.
  private(set) var later: [MariaDBScript.Program] = []
  let names: [ProgramName]

  /// - Parameters:
  ///   - programs: Of one database, in the order of the dump.
  ///   - isLater: Whether a database is one that is restored later.
  init(_ programs: [MariaDBScript.Program], isLater: (String) -> Bool) {
    var postponed: Set<Int> = []
    var drops: [ProgramName: Int] = [:]
    var names: [ProgramName] = []
    for (index, program) in programs.enumerated() {
      guard let object = program.object, program.statement.kind == .view else { continue }
      if program.statement.lexemes.all.first?.isWord("DROP") == true { drops[object] = index }
      guard ViewNames(program.statement.lexemes.all).names(isLater) else { continue }
      postponed.insert(index)
      names.append(object)
      if let drop = drops[object] { postponed.insert(drop) }
    }
    self.names = names
    guard !names.isEmpty else {
      now = programs
      return
    }
    for (index, program) in programs.enumerated() {
      if !postponed.contains(index) { now.append(program) }
      if postponed.contains(index) || program.object == nil { later.append(program) }
    }
  }
}
