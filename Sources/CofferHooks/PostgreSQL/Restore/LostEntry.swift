import CofferSystem

/// A part of a dump that could not be restored: an entry of an archive, or a statement of a script.
struct LostEntry: Equatable {
  /// What a part's loss means for the rest.
  enum Kind {
    /// Rows of a table, or large objects: triggers and materialized views that come before them make them others.
    case rows
    /// The comment on an extension, which comes with the extension; only the extension's owner may give it again.
    case extensionComment
    case other
  }

  /// Its number in the archive's table of contents, or among the script's statements.
  let number: Int
  /// What it is: `TABLE DATA orders`, for example.
  let title: String
  /// The server's words, or pg_restore's own.
  let error: String
  var kind = Kind.other

  var isHarmless: Bool { kind == .extensionComment }

  /// Whether it might come back when all else is there, with another search path: not where somebody or something is
  /// missing that no second try brings.
  var isWorthAnotherTry: Bool { !isHarmless && !Self.isHopeless(error) }

  /// Whether no second try can do what a first one could not.
  static func isHopeless(_ error: String) -> Bool {
    let signs = [
      "ERROR:  role \"", "must be owner", "permission denied", "tablespace \"", "No space left", "must be superuser",
      "backslash commands are restricted",
    ]
    return signs.contains { error.holds($0) }
  }

  /// Whether an error may be that of a comment on an extension, without which nothing is missing.
  static func isOfExtension(_ error: String) -> Bool { error.holds("must be owner of extension ") }

  var description: String { "\(title): \(error)" }

  /// Whether an error is of the moment rather than of the dump: nothing of what was lost by it is to be done without.
  static func isAccidental(_ errors: [String]) -> Bool {
    let signs = [
      "server closed the connection", "terminating connection", "connection to server was lost",
      "no connection to the server", "No space left", "out of memory", "out of shared memory", "could not extend file",
      "could not write", "could not receive data", "SSL SYSCALL", "the database system is",
    ]
    return errors.contains { error in signs.contains { error.holds($0) } }
  }
}

extension [LostEntry] {
  /// What fails twice is told as it failed first.
  func keepingFirstErrors(of first: [LostEntry]) -> [LostEntry] {
    let errors = Dictionary(first.map { ($0.number, $0.error) }) { first, _ in first }
    return map { entry in
      LostEntry(
        number: entry.number, title: entry.title, error: errors[entry.number] ?? entry.error, kind: entry.kind)
    }
  }

  /// - Returns: Those that are to be told; none when nothing is missing.
  /// - Throws: `ContentLost` where something is missing that must not be.
  func missing(of program: String, _ job: ContentJob) throws -> [LostEntry] {
    let lost = filter { !$0.isHarmless }
    guard lost.isEmpty || job.continuesOnErrors && !LostEntry.isAccidental(lost.map(\.error)) else {
      throw ContentLost(program: program, entries: lost)
    }
    return lost
  }
}

/// Parts of a dump did not come back.
struct ContentLost: Error {
  let program: String
  let entries: [LostEntry]
}

extension ContentJob {
  func warnings(ofLost lost: [LostEntry]) -> [String] {
    let count = "\(lost.count) \(lost.count == 1 ? "part" : "parts")"
    return ["\(identity.title): restored, but without \(count) of it, as --continue-on-error asks for:"]
      + lost.map { "\(identity.title): did not come back: \($0.description)" }
  }
}
