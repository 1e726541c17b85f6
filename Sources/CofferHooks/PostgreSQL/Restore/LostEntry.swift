import CofferSystem

/// An entry of an archive that pg_restore could not restore, as it tells it.
struct LostEntry: Equatable {
  /// Its number in the archive's table of contents.
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
}
