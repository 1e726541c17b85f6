import CofferSystem

/// Which of an archive's dumps to restore. What is not named means "any".
struct RestoreSelection: Sendable, Equatable {
  /// Names; empty for all.
  var databases: [String] = []
  var hook: String?
  var originalHostname: String?
  var originalPort: Int?
  var originalLabel: String?

  /// Nothing in the archive fits.
  struct NoMatch: DiagnosableError, Equatable {
    let wanted: String
    let archive: String
    let table: String
    let example: String?

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: wanted, problem: "Archive \(archive) holds no such dump. It holds:\n\(table)",
        suggestion: example.map { "For example: coffer restore --archive \(archive) --database '\($0)'" })
    }
  }

  /// Chooses from the dumps, in their order.
  ///
  /// - Throws: `NoMatch` for the first name that no dump has.
  func select(from dumps: [ArchiveDump], archive: String) throws(NoMatch) -> [ArchiveDump] {
    let candidates = dumps.filter(fits)
    guard !databases.isEmpty else {
      guard !candidates.isEmpty else { throw noMatch("restore", dumps, archive) }
      return candidates
    }
    for name in databases where !candidates.contains(where: { $0.record.database == name }) {
      throw noMatch(name, dumps, archive)
    }
    return candidates.filter { databases.contains($0.record.database) }
  }

  private func fits(_ dump: ArchiveDump) -> Bool {
    let record = dump.record
    if let hook, record.hook != hook && record.hook != hook + "_databases" { return false }
    if let originalHostname, (record.hostname ?? "localhost") != originalHostname { return false }
    if let originalPort, record.port != originalPort { return false }
    if let originalLabel, record.label != originalLabel { return false }
    return true
  }

  private func noMatch(_ wanted: String, _ dumps: [ArchiveDump], _ archive: String) -> NoMatch {
    NoMatch(
      wanted: wanted, archive: archive, table: dumps.isEmpty ? "no dumps at all" : ArchiveDump.table(dumps),
      example: dumps.first?.record.database)
  }
}
