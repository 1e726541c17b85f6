import CofferSystem

/// Recognises what MongoDB's tools say when they fail.
enum MongoDBFailure {
  private static let causes: FailureAdvice.Causes = [
    ("Authentication failed", "Correct username, password and authentication_database in the configuration"),
    ("not authorized on", "Grant the user the role that it lacks: 'backup' for dumps, 'restore' for restores"),
    ("server selection error", "Check that the server runs, and hostname and port in the configuration"),
  ]

  /// Where the programs come from: Debian has none of them.
  static let installations = [
    "mongodump": "Install mongodb-database-tools from MongoDB's own packages",
    "mongorestore": "Install mongodb-database-tools from MongoDB's own packages",
  ]

  /// - Returns: nil when the text is of no known failure of these programs.
  static func suggestion(_ text: String) -> String? { FailureAdvice.first(of: causes, in: text) }
}
