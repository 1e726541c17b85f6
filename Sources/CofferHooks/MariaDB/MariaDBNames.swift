import CofferSystem

/// Asks the server how it compares names of databases and tables.
struct MariaDBNames {
  let session: MariaDBSession

  private static let groupSize = 500

  /// Each name as the server compares it.
  func keys(of names: [ExactName]) throws -> [ExactName: ExactName] {
    var keys: [ExactName: ExactName] = [:]
    for start in stride(from: 0, to: names.count, by: Self.groupSize) {
      let group = Array(names[start..<min(start + Self.groupSize, names.count)])
      let rows = group.map { "SELECT CONVERT(X'\($0.text.hexadecimal)' USING utf8mb3) AS n" }
      let sql = """
        SELECT n, IF(@@lower_case_table_names = 0, n, LOWER(n)) FROM (\(rows.joined(separator: " UNION ALL "))) AS t
        """
      for row in try session.query(sql, 2) { keys[ExactName(row[0])] = ExactName(row[1]) }
    }
    return keys
  }

  /// Of two names that are one to the server, the later would have taken the earlier one's place without a word.
  ///
  /// - Throws: `RestoreError.refused`.
  func checkDistinct(_ databases: [MariaDBScript.Database], _ identity: DumpIdentity) throws {
    try refuse(sameAs: databases.map { ExactName($0.name) }, "databases", identity)
    for database in databases { try refuse(sameAs: Array(database.tables.union(database.views)), "tables", identity) }
  }

  private func refuse(sameAs names: [ExactName], _ what: String, _ identity: DumpIdentity) throws {
    let keys = try keys(of: names)
    let groups = Dictionary(grouping: names) { keys[$0] ?? $0 }.values.filter { $0.count > 1 }
    guard let group = groups.min(by: { $0[0] < $1[0] }) else { return }
    let list = group.sorted().map { "'\($0)'" }.joined(separator: " and ")
    throw RestoreError.refused(
      identity, problem: "the dump holds the \(what) \(list), which are one name to this server",
      suggestion: "Restore it to a server with lower_case_table_names = 0")
  }
}
