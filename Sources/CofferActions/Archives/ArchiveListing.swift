import CofferRepository
import CofferSystem

/// The flags that choose and order archives, and what they give.
enum ArchiveListing {
  private static let sortBy = Flag(
    "--sort-by", value: "KEYS", help: "The order: timestamp (default), name, id, or several of them parted by commas.")
  private static let first = Flag("--first", value: "N", help: "Only the first N archives.")
  private static let last = Flag("--last", value: "N", help: "Only the last N archives.")

  static let flags = [SharedFlags.matchArchives, SharedFlags.prefix, sortBy, first, last]

  /// - Throws: `UsageError`; what reading the archives throws.
  static func archives(of access: OpenRepository, _ context: ActionContext) throws -> [Archive] {
    let filter = try context.archiveFilter()
    var archives = try access.repository.archives().filter(filter.sees)
    for key in (context.flags[sortBy] ?? "").parts(by: ",", keepingEmpty: false).reversed() {
      archives = try sorted(archives, by: String(key))
    }
    if let count = try number(first, context) { archives = Array(archives.prefix(count)) }
    if let count = try number(last, context) { archives = Array(archives.suffix(count)) }
    return archives
  }

  /// Archives that are equal by the key stay in their order.
  private static func sorted(_ archives: [Archive], by key: String) throws -> [Archive] {
    let value: (Archive) -> String
    switch key {
    case "timestamp", "ts":
      return archives.enumerated().sorted {
        ($0.element.draft.start, $0.offset) < ($1.element.draft.start, $1.offset)
      }.map(\.element)
    case "name", "archive": value = { $0.name }
    case "id": value = { $0.id }
    default:
      throw UsageError(
        argument: sortBy.name, problem: "Archives have no '\(key)' to sort by",
        suggestion: "Write timestamp, name or id")
    }
    return archives.enumerated().sorted { (value($0.element), $0.offset) < (value($1.element), $1.offset) }
      .map(\.element)
  }

  private static func number(_ flag: Flag, _ context: ActionContext) throws -> Int? {
    guard let text = context.flags[flag] else { return nil }
    guard let number = Int(text), number > 0 else {
      throw UsageError(
        argument: flag.name, problem: "'\(text)' is no number of archives", suggestion: "Write 1 or more")
    }
    return number
  }
}
