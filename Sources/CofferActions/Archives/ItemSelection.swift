import CofferRepository
import CofferSystem

/// The flags that choose items of an archive by their paths.
enum ItemFlags {
  static let path = Flag<[String]>(
    "--path", "--restore-path", value: "PATH",
    help: "Only items at or below this path, or those that a pattern with its style before it matches, like "
      + "'sh:home/**/*.jpg' (fm, sh, re, pp, pf); may be repeated.")
  private static let pattern = Flag<[String]>(
    "--pattern", value: "LINE",
    help: "A line as in patterns: '- home/**/*.iso' leaves out, '+ home/keep.iso' before it keeps; the first that "
      + "matches decides. May be repeated.")
  private static let exclude = Flag<[String]>(
    "--exclude", value: "PATTERN", help: "Leave out what matches, as exclude_patterns does; may be repeated.")

  /// Those that leave out what others, or none, have chosen.
  static let exclusion: [any CommandFlag] = [pattern, exclude]

  /// - Throws: `PatternError`.
  static func selection(_ context: ActionContext) throws(PatternError) -> ItemSelection {
    var lines = PatternLines()
    try lines.add(lines: context.flags[pattern])
    try lines.add(excludes: context.flags[exclude])
    return ItemSelection(try PathSelection(context.flags[path]), lines.patterns)
  }
}

/// Chooses items by their paths, as they come: folders before what is in them.
struct ItemSelection {
  private var paths: PathSelection
  private let patterns: PatternSet
  private var places = ShownPaths()
  /// Folders that are left out with everything in them.
  private var closed: Set<[UInt8]> = []

  init(_ paths: PathSelection, _ patterns: PatternSet = PatternSet()) {
    self.paths = paths
    self.patterns = patterns
  }

  /// - Parameter item: The next of the archive. A dump may be meant by where it is shown, too.
  /// - Throws: `PatternError.exhausted`.
  mutating func contains(_ item: ArchiveItem) throws -> Bool {
    let shown = places.place(of: item).path
    return try contains(item, shownAt: shown)
  }

  /// The same where somebody has found out already where the item is shown.
  mutating func contains(_ item: ArchiveItem, shownAt shown: ItemPath) throws -> Bool {
    let isNamed = try paths.contains(item.path) || shown != item.path && paths.contains(shown)
    return try !isExcluded(item, shownAt: shown) && isNamed
  }

  /// The paths that nothing was at which has come yet, as they were given.
  var unmet: [String] { paths.unmet }

  /// Whether patterns leave it out, whatever was chosen.
  ///
  /// - Throws: `PatternError.exhausted`.
  private mutating func isExcluded(_ item: ArchiveItem, shownAt shown: ItemPath) throws -> Bool {
    let path = item.path.bytes
    if closed.holdsFolder(above: path) { return true }
    let verdict = try patterns.verdict(on: shown == item.path ? [shown] : [item.path, shown])
    if !verdict.descends, item.content == .directory { closed.insert(path) }
    return !verdict.isIncluded
  }
}

/// Chooses items by paths: those at a path, and those below it, or those that a pattern matches. Arguments are texts: a path
/// that is none is meant by what is shown of it, which is also what such an argument became.
struct PathSelection {
  private var prefixes: [[UInt8]] = []
  private var patterns: [PathPattern] = []
  /// Those of the prefixes and of the patterns that have chosen nothing yet, with what was given for them.
  private var unmetPrefixes: [(prefix: [UInt8], given: String)] = []
  private var unmetPatterns: [(pattern: PathPattern, given: String)] = []

  /// What has chosen nothing yet, as it was given.
  var unmet: [String] { unmetPrefixes.map(\.given) + unmetPatterns.map(\.given) }

  /// - Throws: `PatternError`.
  init(_ paths: [String]) throws(PatternError) {
    for path in paths {
      if PathPattern.Style(before: path) != nil {
        let pattern = try PathPattern(path, style: .prefix)
        patterns.append(pattern)
        unmetPatterns.append((pattern, path))
      } else {
        let trimmed = path.utf8.drop { $0 == UInt8(ascii: "/") }
        let prefix = Array(trimmed.last == UInt8(ascii: "/") ? trimmed.dropLast() : trimmed)
        prefixes.append(prefix)
        unmetPrefixes.append((prefix, path))
      }
    }
  }

  /// - Throws: `PatternError.exhausted`.
  mutating func contains(_ path: ItemPath) throws -> Bool {
    if prefixes.isEmpty && patterns.isEmpty { return true }
    func isMeant(by prefix: [UInt8]) -> Bool {
      Self.isAtOrBelow(path.bytes, prefix) || !path.isText && Self.isAtOrBelow(Array(path.text.utf8), prefix)
    }
    unmetPrefixes.removeAll { isMeant(by: $0.prefix) }
    let isAtPrefix = prefixes.contains(where: isMeant)
    guard !patterns.isEmpty else { return isAtPrefix }
    let text = PathText(path)
    try unmetPatterns.removeAll { try $0.pattern.matches(text) }
    return try isAtPrefix || patterns.contains { try $0.matches(text) }
  }

  private static func isAtOrBelow(_ path: [UInt8], _ prefix: [UInt8]) -> Bool {
    prefix.isEmpty || path == prefix || path.starts(with: prefix + [UInt8(ascii: "/")])
  }
}
