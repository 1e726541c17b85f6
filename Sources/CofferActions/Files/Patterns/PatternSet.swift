import CofferRepository
import CofferSystem

/// Patterns in their order: the first that matches a path decides about it.
struct PatternSet {
  enum Rule: Equatable {
    /// `+`: the path is backed up.
    case include
    /// `-`: it is not, but what is below it may match an include.
    case exclude
    /// `!`: neither it nor anything below is looked at.
    case excludeAll
  }

  struct Verdict: Equatable {
    let isIncluded: Bool
    /// Whether what is below the path is looked at, should it be a folder.
    let descends: Bool

    init(_ rule: Rule) {
      isIncluded = rule == .include
      descends = rule != .excludeAll
    }
  }

  private var patterns: [(pattern: PathPattern, rule: Rule)] = []
  /// Full paths decide before all others, wherever they stand.
  private var fullPaths: [[UInt8]: Rule] = [:]

  init() {}

  mutating func add(_ pattern: PathPattern, _ rule: Rule) {
    if let path = pattern.fullPath { fullPaths[path] = rule } else { patterns.append((pattern, rule)) }
  }

  /// - Parameter path: As it will be in the archive: without a leading slash.
  /// - Throws: `PatternError.exhausted`.
  func verdict(on path: ItemPath) throws -> Verdict { try verdict(on: [path]) }

  /// Decides about what has several paths: the first pattern counts that matches any of them.
  ///
  /// - Throws: `PatternError.exhausted`.
  func verdict(on paths: [ItemPath]) throws -> Verdict {
    if patterns.isEmpty && fullPaths.isEmpty { return Verdict(.include) }
    for path in paths {
      if let rule = fullPaths[path.bytes] { return Verdict(rule) }
    }
    let texts = paths.map { PathText($0) }
    let first = try patterns.first { entry in try texts.contains { try entry.pattern.matches($0) } }
    return Verdict(first?.rule ?? .include)
  }
}
