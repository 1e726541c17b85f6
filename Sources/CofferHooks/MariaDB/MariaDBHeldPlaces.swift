import CofferSystem

/// The views of a dump whose place is held in it, and which have not come yet.
///
/// Dump programs write views last. When their connection breaks there, they say nothing and end as if the dump were whole: MariaDB's 10.11
/// does, for it ignores that it cannot set the character set of the next answer.
struct MariaDBHeldPlaces {
  private var database = ""
  private var held: Set<ExactName> = []

  private static let shownLimit = 3

  mutating func take(_ statement: MariaDBStatement) {
    if case .database(.use, let name) = statement.kind { database = name.text }
    let all = statement.lexemes.all
    guard statement.kind == .view, let name = statement.objectName(after: ["VIEW", "TABLE"]) else { return }
    let full = ExactName(MariaDBStreamCensus.shown(database, name))
    // What holds a place is dropped first, and is a plain view or, of old programs, a table. Servers show a view itself with its
    // algorithm in front of that word.
    if all.first?.isWord("CREATE") == true, all.dropFirst().first?.isWord("VIEW") == false {
      held.remove(full)
    } else {
      held.insert(full)
    }
  }

  /// The views that a dump lacks which has ended; nil for none.
  var lost: String? {
    guard !held.isEmpty else { return nil }
    let names = held.sorted().prefix(Self.shownLimit).map { Quoting.terminal($0.text) }.joined(separator: ", ")
    let others = held.count > Self.shownLimit ? " and \(held.count - Self.shownLimit) more" : ""
    return "the views \(names)\(others)"
  }
}
