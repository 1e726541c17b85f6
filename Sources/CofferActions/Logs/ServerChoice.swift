import CofferSystem

/// Which server's log is meant.
enum ServerChoice {
  /// The entry that is asked for, or the only one.
  ///
  /// - Parameters:
  ///   - lists: The options that have such entries.
  /// - Throws: `UsageError`.
  static func one<Entry>(
    of entries: [Entry], named wanted: String?, name: (Entry) -> String, flag: String, lists: [String]
  ) throws(UsageError) -> Entry {
    let fitting = entries.filter { entry in wanted.map { name(entry).isSame(as: $0) } ?? true }
    if fitting.count == 1 { return fitting[0] }
    throw UsageError(
      argument: flag,
      problem: wanted.map {
        "No entry of \(lists.joined(separator: " or ")), or not one alone, is called '\($0)'"
      }
        ?? (fitting.isEmpty
          ? "No entry of \(lists.joined(separator: " or ")) says how the server is reached"
          : "There are several entries of \(lists.joined(separator: " and "))"),
      suggestion: fitting.isEmpty && wanted == nil
        ? "Add one, with a name, and where the server is elsewhere with hostname, username and password"
        : "Write '\(flag) NAME' with the name of one")
  }
}
