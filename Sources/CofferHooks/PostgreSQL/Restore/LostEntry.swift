import CofferSystem

/// A part of a dump that could not be restored: an entry of an archive, or a statement of a script.
struct LostEntry: Equatable {
  /// Its number in the archive's table of contents, or among the script's statements.
  let number: Int
  /// What it is: `TABLE DATA orders`, for example.
  let title: String
  /// The server's words, or pg_restore's own.
  let error: String

  /// A comment that belongs to an extension comes with the extension; only the extension's owner may give it again.
  var isHarmless: Bool { title.begins(with: "COMMENT EXTENSION ") }

  /// Whether it might come back when all else is there, with another search path: not where somebody or something is
  /// missing that no second try brings.
  var isWorthAnotherTry: Bool {
    let hopeless = [
      "ERROR:  role \"", "must be owner", "permission denied", "tablespace \"", "No space left", "must be superuser",
    ]
    return !hopeless.contains { error.holds($0) }
  }

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
    return map { LostEntry(number: $0.number, title: $0.title, error: errors[$0.number] ?? $0.error) }
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
