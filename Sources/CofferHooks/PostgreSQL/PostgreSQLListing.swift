import CofferSystem
import Foundation

/// The databases of a server that an entry stands for.
struct PostgreSQLListing {
  let databases: [String]
  /// What is left out although it is meant.
  let warnings: [String]

  private struct Row: Decodable {
    var name: String
    /// Whether connections are allowed. A database whose removal was interrupted has a limit of -2.
    var isOpen: Bool
  }

  private static let question = """
    SELECT coalesce(json_agg(json_build_object('name', datname, 'isOpen', datallowconn AND datconnlimit <> -2)
    ORDER BY datname), '[]') FROM pg_database WHERE datname NOT IN ('template0', 'template1')
    """

  /// - Throws: `DumpError.listingFailed`.
  init(_ entry: PostgreSQLEntry, context: HookContext) throws {
    guard entry.isPattern else {
      databases = [entry.identity.database]
      warnings = []
      return
    }
    let result = try entry.connection.queryServer(Self.question, options: entry.listOptions, context: context)
    guard result.status.isSuccess, let rows = try? JSONDecoder().decode([Row].self, from: Data(result.output)) else {
      throw DumpError.listingFailed(entry.identity, program: "psql", lines: result.errorLines)
    }
    let pattern = entry.identity.database == "all" ? nil : NamePattern(entry.identity.database)
    let meant = rows.filter { pattern?.matches($0.name) ?? true }
    databases = meant.filter(\.isOpen).map(\.name)
    warnings = meant.filter { !$0.isOpen }.map {
      "The database '\($0.name)' at \(entry.identity.place) is not dumped, because it allows no connections"
    }
    guard !databases.isEmpty else {
      let wanted = pattern.map { "no database to dump whose name matches '\($0.text)'" } ?? "no databases to dump"
      throw DumpError.listingFailed(entry.identity, program: "psql", lines: ["the server has \(wanted)"])
    }
  }
}
