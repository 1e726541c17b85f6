import CofferSystem
import Foundation

/// A database that a restore builds under a name of its own, to be given its real one when it is whole.
final class BuiltDatabase {
  let token: RestoreToken
  private let properties: DatabaseProperties
  private let survey: PostgreSQLSurvey
  private let identity: DumpIdentity
  private let connection: PostgreSQLConnection
  private let context: HookContext
  /// Its number; nil while it is not there.
  private(set) var oid: String?

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
      "SELECT \(PostgreSQLAnswer.text("spcname")) FROM pg_tablespace", database: survey.workplace, context: context)
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
        "SELECT oid FROM pg_database WHERE datname = \(Quoting.postgresqlLiteral(name))", database: survey.workplace,
        context: context)
      guard number.status.isSuccess, let value = UInt32(number.text.trimmed) else {
        throw RestoreError.programFailed(identity, program: "psql", status: number.status, lines: number.errorLines)
      }
      oid = String(value)
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
    let quoted = Quoting.postgresqlIdentifier(name)
    guard survey.version < 130_000 else { return cleanUp("DROP DATABASE IF EXISTS \(quoted) WITH (FORCE)") }
    for _ in 0..<10 {
      _ = cleanUp(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = \(Quoting.postgresqlLiteral(name))")
      if cleanUp("DROP DATABASE IF EXISTS \(quoted)") { return true }
    }
    return false
  }

  /// The names that databases of these numbers have now; nil when the server does not answer.
  func names(of oids: [String]) -> [String: String]? {
    let sql = """
      SELECT json_object_agg(oid::text, datname) FROM pg_database WHERE oid IN (\(oids.joined(separator: ", ")))
      """
    guard !oids.isEmpty,
      let result = try? connection.query(sql, database: survey.workplace, isCleanup: true, context: context),
      result.status.isSuccess
    else { return oids.isEmpty ? [:] : nil }
    return (try? JSONDecoder().decode([String: String]?.self, from: Data(result.text.utf8))) ?? [:]
  }

  // MARK: - Asking

  private func cleanUp(_ sql: String) -> Bool {
    let result = try? connection.query(sql, database: survey.workplace, isCleanup: true, context: context)
    return result?.status.isSuccess == true
  }

  private func run(_ statement: PostgreSQLStatement) throws {
    try connection.execute(statement, database: survey.workplace, of: identity, context: context)
  }
}
