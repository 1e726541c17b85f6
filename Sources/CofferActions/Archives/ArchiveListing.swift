import CofferConfiguration
import CofferRepository
import CofferSystem

/// The flags that choose and order archives, and what they give.
enum ArchiveListing {
  private static let sortBy = Flag<[SortKey]>(
    "--sort-by", value: "KEYS", SortKey.parser, default: [],
    help: "The order: timestamp (default), name, id, or several of them parted by commas.")
  private static let first = Flag<Int?>("--first", value: "N", .count, help: "Only the first N archives.")
  private static let last = Flag<Int?>("--last", value: "N", .count, help: "Only the last N archives.")

  static let flags: [any CommandFlag] = [SharedFlags.matchArchives, SharedFlags.prefix, sortBy, first, last]

  /// - Throws: `UsageError`; what reading the archives throws.
  static func archives(of access: OpenRepository, _ context: ActionContext) throws -> [Archive] {
    let filter = try context.archiveFilter()
    var archives = try access.repository.archives().filter(filter.sees)
    for key in context.flags[sortBy].reversed() { archives = sorted(archives, by: key) }
    if let count = context.flags[first] { archives = Array(archives.prefix(count)) }
    if let count = context.flags[last] { archives = Array(archives.suffix(count)) }
    return archives
  }

  /// The archive of that name, or else those that the flags choose, but for void ones.
  ///
  /// - Throws: As `archives(of:_:)`; what finding the archive throws.
  static func readable(
    of access: OpenRepository, named name: String?, _ context: ActionContext
  ) throws -> [Archive] {
    if let name { return [try access.archive(name, try context.archiveFilter())] }
    return try archives(of: access, context).filter { $0.standing != .void }
  }

  /// Archives that are equal by the key stay in their order.
  private static func sorted(_ archives: [Archive], by key: SortKey) -> [Archive] {
    let value: (Archive) -> String
    switch key {
    case .timestamp:
      return archives.enumerated().sorted {
        ($0.element.draft.start, $0.offset) < ($1.element.draft.start, $1.offset)
      }.map(\.element)
    case .name: value = { $0.name }
    case .id: value = { $0.id }
    }
    return archives.enumerated().sorted { (value($0.element), $0.offset) < (value($1.element), $1.offset) }
      .map(\.element)
  }
}

/// What archives are sorted by.
private enum SortKey: String, OptionChoice {
  case timestamp, name, id

  /// Knows Borg's words, too.
  private init?(word: String) {
    switch word {
    case "ts": self = .timestamp
    case "archive": self = .name
    default: self.init(rawValue: word)
    }
  }

  /// Several of them, the one that counts most being the first.
  static let parser = FlagParser<[SortKey]>(
    "timestamp, name or id, or several of them parted by commas", choices: choices
  ) {
    let words = $0.parts(by: ",", keepingEmpty: false)
    let keys = words.compactMap(SortKey.init(word:))
    return keys.count == words.count ? keys : nil
  }
}

extension ArchiveStanding {
  /// What is said of an archive that does not count as others do.
  var word: String? { self == .counts ? nil : rawValue }
}
