import CofferSystem

/// What is asked of a database that a drill has restored, wherever it is.
final class PostgreSQLDrillQuestions {
  private let database: String
  private let connection: PostgreSQLConnection
  private let context: HookContext
  private let leavesOwners: Bool
  private var isAnalyzed = false

  /// Seconds that a question of the user's may take.
  private static let answerPatience: Double = 3600
  private static let answerLimit = 1 << 20

  /// - Parameter leavesOwners: Whether owners and rights of the dump were left out.
  init(database: String, connection: PostgreSQLConnection, context: HookContext, leavesOwners: Bool) {
    self.database = database
    self.connection = connection
    self.context = context
    self.leavesOwners = leavesOwners
  }

  func findings(of identity: DumpIdentity) throws -> DrillFindings {
    let content: DumpContent
    do {
      let census = try PostgreSQLCensus(in: PostgreSQLConversation(database, connection, context))
      content = try census.count(seconds: nil, clock: context.clock)
    } catch let error as PostgreSQLCensus.TooMany {
      return DrillFindings(content: nil, warnings: ["Nothing was compared: \(error.diagnosis.problem)"])
    } catch let error where error is PostgreSQLConversation.Ended || error is CommandTimedOut {
      throw unseen(identity, RestoreError.cause(of: error))
    }
    try context.cancellation.check()
    if let remark = content.remark { throw unseen(identity, remark) }
    return DrillFindings(
      content: content,
      warnings: leavesOwners
        ? ["Owners and rights were left out: the dump's roles are not known where it was restored"] : [])
  }

  private func unseen(_ identity: DumpIdentity, _ problem: String) -> DrillError {
    .impossible(
      identity, problem: "what was restored could not be looked at: \(problem)",
      suggestion: identity.advice.suggestion([problem]))
  }

  /// As the database's owner, unless that is a superuser, in a session as the database has them for everybody.
  func answer(to statement: String, of identity: DumpIdentity) throws -> String {
    // Only for these: without statistics a question may take for ever.
    if !isAnalyzed { isAnalyzed = connection.analyze(database, options: [], context: context) }
    let session = PostgreSQLSession(
      database, try connection.withRole(owner(for: statement, of: identity), context), settings: PostgreSQLPins.always,
      context)
    let result = try context.launcher.run(
      session.command([.end, .statement(statement)]), outputLimit: Self.answerLimit, seconds: Self.answerPatience,
      cancellation: context.cancellation)
    guard result.status.isSuccess else {
      throw DrillError.unanswered(identity, statement: statement, lines: result.errorLines)
    }
    return (result.text.before(end: "\n") ?? result.text).swapping("\u{1f}", for: "|")
  }

  /// - Returns: nil for a superuser, as whom nothing more is asked than as the user of the connection.
  /// - Throws: `DrillError.unanswered` when the server does not say.
  private func owner(for statement: String, of identity: DumpIdentity) throws -> String? {
    let question: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r
      ON r.oid = d.datdba WHERE d.datname = pg_catalog.current_database() AND NOT r.rolsuper
      """
    let result = try connection.query(question, database: database, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: 1) else {
      throw DrillError.unanswered(identity, statement: statement, lines: result.errorLines)
    }
    return answer.rows.first?[0]?.text
  }
}
