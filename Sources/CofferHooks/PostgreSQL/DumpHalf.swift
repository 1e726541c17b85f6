import CofferSystem

/// What options of pg_dump or pg_restore leave out of all that they dump or restore: rows without the tables that they are in, or
/// the other way round. Put in place of a whole database, either would be a loss.
struct DumpHalf: Equatable {
  enum Missing: String {
    case rows
    /// What the rows are in.
    case definitions
  }

  let missing: Missing
  /// The option, as it stands in the configuration.
  let option: String

  init(missing: Missing, option: String) {
    (self.missing, self.option) = (missing, option)
  }

  /// - Parameter values: Letters of short options that the rest of the word is a value of.
  /// - Returns: nil where nothing of all is left out.
  init?(_ options: [String], before values: String) {
    var found: [Missing: String] = [:]
    var sections: [ExactName: String] = [:]
    for (index, option) in options.enumerated() {
      guard let long = option.after(beginning: "--") else {
        if option.holdsOption(ofLetters: "s", before: values) { found[.rows] = option }
        if option.holdsOption(ofLetters: "a", before: values) { found[.definitions] = option }
        continue
      }
      let parts = long.parts(by: "=", limit: 2)
      if Self.isOne(parts[0], of: ["schema-only", "no-data", "statistics-only"]) { found[.rows] = option }
      if Self.isOne(parts[0], of: ["data-only", "no-schema"]) { found[.definitions] = option }
      if Self.isOne(parts[0], of: ["section"]) {
        let isApart = parts.count == 1 && index + 1 < options.count
        sections[ExactName(parts.last ?? "")] = option
        if isApart { sections[ExactName(options[index + 1])] = "\(option) \(options[index + 1])" }
      }
    }
    if let one = sections.values.min() {
      if sections[ExactName("data")] == nil { found[.rows] = found[.rows] ?? one }
      if sections[ExactName("pre-data")] == nil { found[.definitions] = found[.definitions] ?? one }
    }
    // Of what has neither, the rows are what is lost.
    guard let missing = [Missing.rows, .definitions].first(where: { found[$0] != nil }), let option = found[missing]
    else { return nil }
    (self.missing, self.option) = (missing, option)
  }

  /// The programs take the beginning of an option's name for it where no other begins so.
  private static func isOne(_ word: String, of names: [String]) -> Bool {
    word.utf8.count > 2 && !["schema", "statistics"].contains(word) && names.contains { $0.begins(with: word) }
  }
}

extension DumpHalf {
  private static let keys: [(Missing, String)] = [(.rows, "without_rows"), (.definitions, "without_definitions")]

  /// What an archive keeps of it.
  var detail: [String: String] {
    Dictionary(uniqueKeysWithValues: Self.keys.filter { $0.0 == missing }.map { ($0.1, option) })
  }

  /// What an archive has kept.
  init?(_ details: [String: String]) {
    guard let (missing, key) = Self.keys.first(where: { details[$0.1] != nil }), let option = details[key] else {
      return nil
    }
    (self.missing, self.option) = (missing, option)
  }

  /// Refuses to put it in the place of what has both.
  func refusal(_ identity: DumpIdentity, in place: String, orElse way: String?) -> RestoreError {
    let more = way.map { "; or \($0)" } ?? ""
    switch missing {
    case .rows:
      return .refused(
        identity, problem: "'\(option)' leaves the rows out of it, and those of \(place) would be gone",
        suggestion: "Restore it where they are not (--target-name, or another server)\(more)")
    case .definitions:
      return .refused(
        identity, problem: "'\(option)' leaves out what its rows are in, so that nothing whole can be made of it",
        suggestion: "Restore a dump that is whole\(more)")
    }
  }
}
