import CofferSystem

/// A database that a restore builds under a name of its own, to be given its real one when it is whole.
final class BuiltDatabase {
  let token: RestoreToken
  private let properties: DatabaseProperties
  private let survey: PostgreSQLSurvey
  private let identity: DumpIdentity
  private let connection: PostgreSQLConnection
  private let context: HookContext
  /// Its number; nil while it is not there.
  private(set) var oid: UInt32?

  var name: String { token.newName }

  /// Makes it, empty.
  ///
  /// - Throws: `RestoreError`; nothing is left then.
  init(
    _ properties: DatabaseProperties, token: RestoreToken, survey: PostgreSQLSurvey, of identity: DumpIdentity,
    connection: PostgreSQLConnection, context: HookContext
  ) throws {
    self.properties = properties
    self.token = token
    self.survey = survey
    self.identity = identity
    self.connection = connection
    self.context = context
    try make()
  }

  /// - Throws: `RestoreError`.
  func make() throws {
    let tablespaces = try connection.query(
      "SELECT \(PostgreSQLAnswer.text("t.spcname")) FROM pg_catalog.pg_tablespace t", database: survey.workplace,
      context: context)
    guard let known = PostgreSQLAnswer(tablespaces, columns: 1)?.rows.compactMap({ $0[0] }) else {
      throw RestoreError.programFailed(
        identity, program: "psql", status: tablespaces.status, lines: tablespaces.errorLines)
    }
    var creation = properties.creation(of: name, tablespaces: Set(known))
    // Nobody else gets in while it is filled: superusers alone are not counted.
    if survey.isSuperuser { creation = creation + " CONNECTION LIMIT 0" }
    do {
      try run(creation)
      try run("COMMENT ON DATABASE \(identifier: name) IS \(literal: token.mark)")
      let number = try connection.query(
        "SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = \(literal: name)", database: survey.workplace,
        context: context)
      guard number.status.isSuccess, let value = UInt32(number.text.trimmed) else {
        throw RestoreError.programFailed(identity, program: "psql", status: number.status, lines: number.errorLines)
      }
      oid = value
    } catch {
      drop()
      throw error
    }
  }

  /// Removes it. The name holds random digits, and the server has said that this restore has made it.
  ///
  /// - Returns: Whether it is gone.
  @discardableResult
  func drop() -> Bool {
    guard drop(name) else { return false }
    oid = nil
    return true
  }

  /// Removes a database that only a restore can have named so, with the sessions in it.
  func drop(_ name: String) -> Bool {
    guard survey.version < 130_000 else {
      return cleanUp("DROP DATABASE IF EXISTS \(identifier: name) WITH (FORCE)")
    }
    for _ in 0..<10 {
      _ = cleanUp(
        """
        SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
        WHERE a.datname = \(literal: name)
        """)
      if cleanUp("DROP DATABASE IF EXISTS \(identifier: name)") { return true }
    }
    return false
  }

  /// The name that the database of a number has now.
  enum Found {
    case named(ServerText)
    case missing
    /// The server does not answer.
    case unknown
  }

  func name(of oid: UInt32) -> Found {
    let sql: PostgreSQLStatement =
      "SELECT \(PostgreSQLAnswer.text("d.datname")) FROM pg_catalog.pg_database d WHERE d.oid = \(oid)"
    guard
      let result = try? connection.query(sql, database: survey.workplace, isCleanup: true, context: context),
      let rows = PostgreSQLAnswer(result, columns: 1)?.rows
    else { return .unknown }
    return rows.first?[0].map { .named($0) } ?? .missing
  }

  // MARK: - Asking

  private func cleanUp(_ sql: PostgreSQLStatement) -> Bool {
    let result = try? connection.query(sql, database: survey.workplace, isCleanup: true, context: context)
    return result?.status.isSuccess == true
  }

  private func run(_ statement: PostgreSQLStatement) throws {
    try connection.execute(statement, database: survey.workplace, of: identity, context: context)
  }
}
