import CofferSystem

/// Dumps name a database as rarely as they can. These are the places where they do all the same, and where a statement
/// would act on that database instead of the one that it is run in.
extension MariaDBStatement {
  /// The statement as it is to be run in another database than the one it was written in.
  ///
  /// What authors wrote into the bodies of triggers, routines and events stays as it is: see `bodyMentions`.
  ///
  /// - Parameter isOwn: Whether a name is the one of the database that the statement was written in.
  func moved(to other: String, isOwn: (String) -> Bool) -> MariaDBStatement {
    var edits = sequenceEdits(to: other, isOwn)
    switch kind {
    case .trigger: edits += triggerQualifiers().filter { isOwn($0.name) }.map { ($0.range, "") }
    case .view: edits += ViewNames(lexemes.all).edits(to: other, isOwn)
    default: break
    }
    return replacing(edits)
  }

  /// What is said of sequences names their database.
  private func sequenceEdits(to other: String, _ isOwn: (String) -> Bool) -> [(range: Range<Int>, text: String)] {
    let all = lexemes.all
    let calls: Set<String> = ["NEXTVAL", "LASTVAL", "SETVAL"]
    return all.indices.dropLast(4).compactMap { index in
      guard all[index].word.map(calls.contains) == true, all[index + 1].isSign("("), all[index + 3].isSign("."),
        let name = all[index + 2].name, isOwn(name)
      else { return nil }
      return (all[index + 2].range, Quoting.mariadbIdentifier(other))
    }
  }

  /// A view or a function as it can be made in a scratch database: its definer may have no rights there. A view is made only where the
  /// functions that it calls could be run.
  func asInvoker() -> MariaDBStatement {
    let all = lexemes.all
    if kind == .routine, let index = RoutineBody.start(ofFunction: self) {
      let place = all[index].range.lowerBound
      // Of several the last one counts.
      return replacing([(place..<place, "SQL SECURITY INVOKER ")])
    }
    guard kind == .view, let index = all.firstIndex(where: { $0.isWord("SECURITY") }), index + 1 < all.count,
      all[index + 1].isWord("DEFINER")
    else { return self }
    return replacing([(all[index + 1].range, "INVOKER")])
  }

  /// A table without what says where its files are, and those of its partitions: `DATA DIRECTORY='/srv/far/'`.
  var withoutDirectories: MariaDBStatement {
    let all = lexemes.all
    guard kind == .table else { return self }
    let edits = all.indices.dropFirst().compactMap { index -> (range: Range<Int>, text: String)? in
      guard all[index].isWord("DIRECTORY"), all[index - 1].isWord("DATA") || all[index - 1].isWord("INDEX"),
        let place = all[(index + 1)...].drop(while: { $0.isSign("=") }).first, case .text = place.content
      else { return nil }
      return (all[index - 1].range.lowerBound..<place.range.upperBound, "")
    }
    return replacing(edits)
  }

  /// The account that a view, trigger, routine or event acts for, if the statement names one.
  var definer: MariaDBAccounts.Account? {
    let all = lexemes.all
    guard [.view, .trigger, .routine, .event].contains(kind),
      let index = all.firstIndex(where: { $0.isWord("DEFINER") }), index + 4 < all.count, all[index + 1].isSign("=")
    else { return nil }
    func text(_ lexeme: SQLLexeme) -> String? {
      switch lexeme.content {
      case .name(let text), .text(let text): text
      default: nil
      }
    }
    guard let name = text(all[index + 2]), all[index + 3].isSign("@"), let host = text(all[index + 4]) else {
      return nil
    }
    return MariaDBAccounts.Account([name, host])
  }

  /// Whether a table is made like one of another database, or of such tables.
  var namesOtherTables: Bool {
    let all = lexemes.all
    return all.indices.contains { index in
      // Those of expressions stand in further parentheses.
      if all[index].isWord("LIKE"), all[..<index].filter({ $0.isSign("(") }).count < 2 {
        return index + 2 < all.count && all[index + 2].isSign(".")
      }
      guard all[index].isWord("UNION") else { return false }
      return all[index...].prefix { !$0.isSign(")") }.contains { $0.isSign(".") }
    }
  }

  // MARK: - Triggers

  struct Qualifier {
    let name: String
    /// With its dot.
    let range: Range<Int>
  }

  /// The databases that the heads of triggers, views, routines and events name for the object itself: a trigger is given
  /// as its author wrote it: `CREATE TRIGGER shop.t BEFORE INSERT ON shop.orders ...`.
  var headQualifiers: [Qualifier] {
    kind == .trigger
      ? triggerQualifiers()
      : [qualifier(behind: ["VIEW", "EVENT", "FUNCTION", "PROCEDURE", "PACKAGE", "TABLE"], from: 0)].compactMap(\.self)
  }

  private func triggerQualifiers() -> [Qualifier] {
    let all = lexemes.all
    guard let start = all.firstIndex(where: { $0.isWord("TRIGGER") }) else { return [] }
    let on = all[start...].firstIndex { $0.isWord("ON") }
    return [qualifier(behind: ["TRIGGER"], from: start), on.flatMap { qualifier(behind: ["ON"], from: $0) }]
      .compactMap(\.self)
  }

  private func qualifier(behind words: Set<String>, from start: Int) -> Qualifier? {
    let all = lexemes.all
    guard let index = all[start...].firstIndex(where: { $0.word.map(words.contains) ?? false }) else { return nil }
    let rest = all[(index + 1)...].drop { $0.word.map(["IF", "NOT", "EXISTS", "BODY"].contains) ?? false }
    guard rest.count >= 3, rest[rest.startIndex + 1].isSign(".") else { return nil }
    let first = rest[rest.startIndex]
    let name = first.name ?? String(decoding: text[first.range], as: UTF8.self)
    return Qualifier(name: name, range: first.range.lowerBound..<rest[rest.startIndex + 2].range.lowerBound)
  }

  /// Whether a trigger, a routine or an event names a database somewhere, as in `shop.orders`.
  func mentions(_ isOwn: (String) -> Bool) -> Bool {
    let all = lexemes.all
    return all.indices.dropLast().contains { index in
      guard all[index + 1].isSign("."), index == 0 || !all[index - 1].isSign(".") else { return false }
      if let name = all[index].name { return isOwn(name) }
      return all[index].word != nil && isOwn(String(decoding: text[all[index].range], as: UTF8.self))
    }
  }
}

/// The databases that a view's query names, told apart from tables: in `shop.id` the first may be either.
///
/// Servers write views out in one form: tables stand behind FROM and JOIN, parentheses aside, and never behind a comma.
struct ViewNames {
  private let lexemes: [SQLLexeme]
  /// The places of FROM that begin a clause, and not a part of a function's arguments.
  private var clauses: Set<Int> = []

  init(_ lexemes: [SQLLexeme]) {
    self.lexemes = lexemes
    var selects = [false]
    for (index, lexeme) in lexemes.enumerated() {
      if lexeme.isSign("(") { selects.append(false) }
      if lexeme.isSign(")"), selects.count > 1 { selects.removeLast() }
      if lexeme.isWord("SELECT") { selects[selects.count - 1] = true }
      if lexeme.isWord("FROM"), selects[selects.count - 1] { clauses.insert(index) }
    }
  }

  func edits(to other: String, _ isOwn: (String) -> Bool) -> [(range: Range<Int>, text: String)] {
    places.filter { isOwn($0.name) }.map { (lexemes[$0.index].range, Quoting.mariadbIdentifier(other)) }
  }

  /// Whether it names a database that is neither its own nor one of the server's.
  func reachesOut(_ isOwn: (String) -> Bool) -> Bool {
    places.contains { !isOwn($0.name) && !MariaDBScript.isSystem($0.name) }
  }

  /// Whether it names a database that is one of some.
  func names(_ isOne: (String) -> Bool) -> Bool { places.contains { isOne($0.name) } }

  private var places: [(index: Int, name: String)] {
    lexemes.indices.dropLast(2).compactMap { index in
      guard let name = lexemes[index].name, lexemes[index + 1].isSign("."), lexemes[index + 2].name != nil,
        index == 0 || !lexemes[index - 1].isSign("."), isDatabase(at: index)
      else { return nil }
      return (index, name)
    }
  }

  private func isDatabase(at index: Int) -> Bool {
    let next = index + 3 < lexemes.count ? lexemes[index + 3] : nil
    if next?.isSign(".") == true || next?.isSign("(") == true { return true }
    guard let before = lexemes[..<index].lastIndex(where: { !$0.isSign("(") }) else { return false }
    if clauses.contains(before) { return true }
    return ["JOIN", "STRAIGHT_JOIN", "VIEW"].contains(lexemes[before].word)
  }
}
