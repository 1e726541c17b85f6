import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// Which of a repository's archives an action sees: several machines may share a repository, each with names of its own.
struct ArchiveFilter: Sendable {
  private enum Rule: Sendable {
    case all
    case names(NamePattern)
    case expression(String)
  }

  /// As it was written, or made of `archive_name_format`.
  let text: String
  private let rule: Rule

  static let all = ArchiveFilter(text: "*", rule: .all)

  private init(text: String, rule: Rule) {
    self.text = text
    self.rule = rule
  }

  /// - Parameter text: A pattern for names, `sh:` and a pattern, `re:` and a regular expression, or a prefix and `*`.
  /// - Throws: `UsageError` when the regular expression is none.
  init(_ text: String) throws(UsageError) {
    if ["*", "sh:*", "re:.*"].contains(where: text.isSame) {
      self = Self.all
    } else if let expression = text.after(beginning: "re:") {
      guard (try? NSRegularExpression(pattern: expression)) != nil else {
        throw UsageError(
          argument: text, problem: "This is no regular expression",
          suggestion: "Write, for example, 're:db1-.*', or a pattern like 'db1-*'")
      }
      self.init(text: text, rule: .expression(expression))
    } else {
      self.init(text: text, rule: .names(NamePattern(text.after(beginning: "sh:") ?? text)))
    }
  }

  func sees(_ archive: Archive) -> Bool { sees(archive.name) }

  func sees(_ name: String) -> Bool {
    switch rule {
    case .all: true
    case .names(let pattern): pattern.matches(name)
    case .expression(let expression):
      name.range(of: "^(?:\(expression))$", options: .regularExpression) != nil
    }
  }
}

extension ActionContext {
  /// What `--match-archives` says, or else `match_archives`, or else the names that `archive_name_format` gives.
  func archiveFilter() throws -> ArchiveFilter {
    if let prefix = flags[SharedFlags.prefix] { return try ArchiveFilter("\(prefix)*") }
    if let text = flags[SharedFlags.matchArchives] ?? root[RunOptions.matchArchives]?.spelling {
      return try ArchiveFilter(archiveName.expandFixed(text))
    }
    guard configuration != nil else { return .all }
    return try ArchiveFilter(archiveName.pattern(for: archiveNameFormat))
  }

  var archiveNameFormat: String { root[GeneralOptions.archiveNameFormat] }

  /// Names for an archive that is made now.
  var archiveName: ArchiveName {
    ArchiveName(
      hostname: root[RunOptions.archiveHostname] ?? surroundings.hostname,
      username: root[RunOptions.archiveUsername] ?? surroundings.username,
      processID: ProcessInfo.processInfo.processIdentifier, now: surroundings.clock.now())
  }
}
