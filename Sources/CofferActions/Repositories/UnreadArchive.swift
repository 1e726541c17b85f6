import CofferRepository
import CofferSystem

/// What is meant may be an archive whose record cannot be read.
struct UnreadArchive: DiagnosableError, Equatable {
  enum Meaning: Equatable {
    case named(String)
    /// - Parameter readable: The newest that can be read.
    case latest(readable: String)
  }

  let repository: String
  /// Records that cannot be read, of those that may be meant.
  let count: Int
  let meaning: Meaning

  /// Whether an error says that what was named is none of the archives that can be read.
  static func isNone(_ error: any Error) -> Bool {
    if case RepositoryError.noSuchArchive = error { return true }
    guard let unread = error as? UnreadArchive, case .named = unread.meaning else { return false }
    return true
  }

  var diagnosis: Diagnosis {
    switch meaning {
    case .named(let name):
      Diagnosis(
        subject: "archive \(name)",
        problem: "It is none of the archives of \(repository) that can be read; "
          + (count == 1 ? "one cannot be" : "\(count) cannot be"),
        suggestion: "Run 'coffer check' to see why, and see the names of the others with 'coffer repo-list'")
    case .latest(let readable):
      Diagnosis(
        subject: "repository \(repository)",
        problem: "The latest archive cannot be told: "
          + (count == 1 ? "one that is" : "\(count) that are") + " newer than '\(readable)' cannot be read",
        suggestion: "Run 'coffer check' to see why; for the older state add --archive \(Quoting.pastedWord(readable))")
    }
  }
}
