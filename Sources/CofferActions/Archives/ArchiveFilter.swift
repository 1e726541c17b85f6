import CofferConfiguration
import CofferRepository
import CofferSystem
import Glibc

/// Which of a repository's archives an action sees: several machines may share a repository, each with names of its own.
struct ArchiveFilter: Sendable {
  private enum Rule: Sendable {
    case all
    case names(NamePattern)
    case expression(RegularExpression)

    var isAll: Bool { if case .all = self { true } else { false } }
  }

  /// As it was written, or made of `archive_name_format`.
  let text: String
  /// The last moment at which an archive may have been begun; nil for any.
  var last: Moment?
  private let rule: Rule

  /// What archives it sees, as it follows "none".
  var title: String {
    (rule.isAll ? "" : " with a name like '\(text)'")
      + (last.map { " that was begun by \(Formats.time($0.date))" } ?? "")
  }

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
      guard let compiled = try? RegularExpression(expression, wholeOnly: true) else {
        throw UsageError(
          argument: text, problem: "This is no regular expression",
          suggestion: "Write, for example, 're:db1-.*', or a pattern like 'db1-*'")
      }
      self.init(text: text, rule: .expression(compiled))
    } else {
      self.init(text: text, rule: .names(NamePattern(text.after(beginning: "sh:") ?? text)))
    }
  }

  /// - Parameter glob: A pattern for names, whatever it begins with.
  init(glob: String) {
    self.init(text: glob, rule: .names(NamePattern(glob)))
  }

  /// - Throws: `UndecidedName`.
  func sees(_ archive: Archive) throws(UndecidedName) -> Bool {
    if let last, archive.draft.start > last.date { return false }
    return try sees(archive.name)
  }

  /// - Throws: `UndecidedName`.
  func sees(_ name: String) throws(UndecidedName) -> Bool {
    switch rule {
    case .all: return true
    case .names(let pattern): return pattern.matches(name)
    case .expression(let expression):
      do {
        return try expression.matches(name)
      } catch {
        throw UndecidedName(pattern: text, name: name)
      }
    }
  }
}

/// A regular expression takes too many steps to find out whether an archive's name is one of those that it means.
struct UndecidedName: DiagnosableError, Equatable {
  let pattern: String
  let name: String

  var diagnosis: Diagnosis {
    Diagnosis(
      subject: "pattern '\(pattern)'",
      problem: "Whether it means the archive '\(Quoting.terminal(name))' takes too many steps to find out",
      suggestion: RegularExpression.Exhausted.advice)
  }
}

extension ActionContext {
  /// What `--match-archives` says, or else `match_archives`, or else the names that `archive_name_format` gives.
  func archiveFilter() throws -> ArchiveFilter {
    var filter = try namedFilter()
    filter.last = flags[SharedFlags.at]
    return filter
  }

  /// What `--archive` names, or `latest` for the newest that `--at` lets be seen.
  ///
  /// - Throws: `UsageError` when both are given.
  func wantedArchive() throws(UsageError) -> String {
    let name = flags[SharedFlags.archive]
    guard flags[SharedFlags.at] != nil else { return name }
    guard name.isEmpty || name == "latest" else {
      throw UsageError(
        argument: SharedFlags.at.name, problem: "The archive is named already, by \(SharedFlags.archive.name)",
        suggestion: "Give one of them")
    }
    return "latest"
  }

  private func namedFilter() throws -> ArchiveFilter {
    if let prefix = flags[SharedFlags.prefix] { return ArchiveFilter(glob: "\(archiveName.expandFixed(prefix))*") }
    if let text = flags[SharedFlags.matchArchives] ?? root[RunOptions.matchArchives]?.spelling {
      return try ArchiveFilter(archiveName.expandFixed(text))
    }
    guard configuration != nil else { return .all }
    return ArchiveFilter(glob: archiveName.pattern(for: archiveNameFormat))
  }

  var archiveNameFormat: String { root[GeneralOptions.archiveNameFormat].spelling }

  /// Names for an archive that is made now.
  var archiveName: ArchiveName {
    ArchiveName(
      hostname: root[RunOptions.archiveHostname] ?? surroundings.hostname,
      username: root[RunOptions.archiveUsername] ?? surroundings.username,
      processID: getpid(), now: surroundings.clock.now())
  }
}
