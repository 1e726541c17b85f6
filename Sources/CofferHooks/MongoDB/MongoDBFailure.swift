import CofferSystem

/// Recognises what MongoDB's tools say when they fail.
enum MongoDBFailure {
  private static let causes: FailureAdvice.Causes = [
    ("Authentication failed", "Correct username, password and authentication_database in the configuration"),
    ("not authorized on", "Grant the user the role that it lacks: 'backup' for dumps, 'restore' for restores"),
    (
      "error getting recent oplog entry",
      "The server is no member of a replica set, and has no oplog: start it with --replSet and run rs.initiate() once, or take oplog: true out"
    ),
    (
      "from a mongos",
      "A sharded cluster (mongos) has no oplog of its own: take oplog: true out, or dump its replica sets"
    ),
    ("oplog overflow", "Make the server's oplog larger (replSetResizeOplog): it held less than the dump took"),
    ("while renames occur", "Run the backup again, when no collection is being renamed (dump_retries: 1)"),
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
