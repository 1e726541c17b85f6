import CofferSystem

/// The content of a dump on its way into a database that was made for it, in one reading of the dump or several.
protocol RestoredContent: AnyObject {
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Ends a reading of the dump.
  ///
  /// - Returns: Whether the dump is wanted once more.
  /// - Throws: `RestoreError`; `RunCancelled`.
  func endPass() throws -> Bool

  /// What has to be said of it once it is there.
  var warnings: [String] { get }

  func abandon()
}

/// What a content is restored by.
struct ContentJob {
  let facts: DumpFacts
  let entry: PostgreSQLEntry
  let schemas: [String]
  let database: String
  /// What the session's statements are run with.
  let connection: PostgreSQLConnection
  /// Whether what does not come back is told rather than an error.
  let continuesOnErrors: Bool
  /// The search path that the database has by its own settings.
  let searchPath: String
  let context: HookContext

  var identity: DumpIdentity { facts.identity }

  /// The same connection, with the database's own search path.
  var lenientConnection: PostgreSQLConnection {
    connection.session(nil, [.init(name: "search_path", value: searchPath)])
  }
}
