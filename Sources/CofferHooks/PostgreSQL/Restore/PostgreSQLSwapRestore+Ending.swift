import CofferSystem
import FoundationEssentials
import Glibc

/// How a swap ends: the database gets what belongs to it as a whole, then the name; or everything is removed again.
extension PostgreSQLSwapRestore {
  /// Gives the new database its owner, settings and privileges. Each may be refused by itself: a role may be missing there.
  ///
  /// - Returns: Warnings.
  /// - Throws: What else went wrong: the old database still has its name, and loses nothing.
  func restoreProperties() throws -> [String] {
    var statements: [PostgreSQLStatement] = []
    // Without the role the restoring user stays the owner.
    if !job.entry.noOwner, let owning = properties.owning(of: built.name) { statements.append(owning) }
    do {
      statements += try properties.settings(for: built.name, withPrivileges: !job.leavesPrivileges)
    } catch {
      return ["\(job.identity.title): what the archive says of the database as a whole cannot be read: \(error)"]
    }
    let refusals =
      try job.connection.refusals(
        of: statements.filter(\.isUTF8), database: survey.workplace, identity: job.identity, context: context)
      + job.connection.refusals(
        of: statements.filter { !$0.isUTF8 }, database: built.name, identity: job.identity, context: context)
    return refusals.map(complaint)
  }

  /// What has to be said in the encoding of the database itself, once it has its name.
  ///
  /// - Returns: Warnings.
  func finishMarks() -> [String] {
    let statements = properties.marks(for: name).filter { !$0.isUTF8 }
    return job.connection.executeEach(statements, database: name, of: job.identity, context: context).map(complaint)
  }

  private func complaint(_ problem: String) -> String {
    "\(job.identity.title): restored, but not all that belongs to the database as a whole: \(problem)"
  }

  /// - Throws: `RestoreError`; `RunCancelled`; `DatabaseExchange.InTheWay`, `.NotTheSame`. The old database has its name
  ///   then.
  func exchange() throws {
    var statements: [PostgreSQLStatement] = []
    if survey.isSuperuser { statements.append("ALTER DATABASE \(identifier: name) CONNECTION LIMIT -1") }
    statements.append("COMMENT ON DATABASE \(identifier: name) IS NULL")
    statements += properties.marks(for: name).filter(\.isUTF8)
    let exchange = DatabaseExchange(
      identity: job.identity, final: name, old: survey.database?.oid, survey: survey, connection: job.connection,
      context: context, statements: statements)
    do {
      try exchange.run(job.token)
    } catch {
      // The connection may have broken when it had happened.
      guard let oid = built.oid, case .named(ServerText(name)) = built.name(of: oid) else { throw error }
    }
  }

  /// - Returns: Warnings.
  func removeOld() -> [String] {
    guard let old = survey.database else { return [] }
    let oldName = job.token.oldName
    let title = job.identity.title
    var warnings: [String] = []
    if !survey.ties.subscriptions.isEmpty {
      for subscription in survey.ties.subscriptions {
        detach(subscription, in: oldName)
      }
      warnings.append(
        "\(title): its subscriptions come back disabled: \(survey.ties.subscriptions.joined(separator: ", ")); "
          + "ALTER SUBSCRIPTION ... ENABLE when the data may flow again")
    }
    if old.isTemplate {
      _ = try? job.connection.query(
        "ALTER DATABASE \(identifier: oldName) IS_TEMPLATE false", database: survey.workplace,
        isCleanup: true, context: context)
    }
    if !built.drop(oldName) {
      warnings.append(
        "\(title): restored; what was there before still stands as '\(oldName)' and could not be removed: the next "
          + "restore tries again, or run: DROP DATABASE \(oldName)")
    }
    return warnings
  }

  /// A database with a subscription cannot be removed. Its slot at the publisher stays: the restored one has it too.
  private func detach(_ subscription: String, in database: String) {
    let name: PostgreSQLStatement = "SUBSCRIPTION \(identifier: subscription)"
    let statements: [PostgreSQLStatement] = [
      "ALTER \(name) DISABLE", "ALTER \(name) SET (slot_name = NONE)", "DROP \(name)",
    ]
    for sql in statements {
      _ = try? job.connection.query(sql, database: database, isCleanup: true, context: context)
    }
  }

  /// - Returns: Warnings.
  func removeLeftovers() -> [String] {
    survey.leftovers.map { leftover in
      for subscription in subscriptions(in: leftover) { detach(subscription, in: leftover) }
      return built.drop(leftover)
        ? "Removed the database '\(leftover)', which a restore that was killed had left"
        : "The database '\(leftover)', which a restore that was killed has left, could not be removed: "
          + "DROP DATABASE \(leftover)"
    }
      + survey.unproven.map {
        "The database '\($0)' looks like one that a killed restore has left, but has no mark of it; if it is empty, run: "
          + "DROP DATABASE \($0)"
      }
  }

  private func subscriptions(in database: String) -> [String] {
    guard survey.version >= 100_000 else { return [] }
    let sql: PostgreSQLStatement = """
      SELECT coalesce(pg_catalog.json_agg(s.subname), '[]') FROM pg_catalog.pg_subscription s
      WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
      """
    guard
      let result = try? job.connection.query(sql, database: database, isCleanup: true, context: context),
      result.status.isSuccess
    else { return [] }
    return (try? JSONDecoder().decode([String].self, from: Data(result.text.utf8))) ?? []
  }

  // MARK: - Giving up

  /// Removes what was made and looks what is there.
  ///
  /// - Returns: The error, with what it means for the database.
  func failure(_ error: any Error) -> any Error {
    content?.abandon()
    content = nil
    job.connection.endSessions(of: job.token, from: survey.workplace, context: context)
    let number = built.oid
    let isGone = number == nil || built.drop()
    keeper?.release()
    if error is RunCancelled { return error }
    let standing = standing(new: number, isGone: isGone)
    switch error {
    case let RestoreError.programFailed(identity, program, status, lines):
      return RestoreError.notRestored(
        identity, standing: standing, problem: ClientFailure.problem(program, status, lines),
        suggestion: identity.advice.suggestion(lines))
    case let RestoreError.inputIgnored(identity, program):
      return RestoreError.notRestored(
        identity, standing: standing, problem: "\(program) ended without having read the whole dump",
        suggestion: "A command that runs it elsewhere must pass its input on, for example 'docker exec -i'")
    case let lost as ContentLost:
      return RestoreError.notRestored(
        job.identity, standing: standing, problem: lost.problem, suggestion: lost.suggestion)
    case let inTheWay as DatabaseExchange.InTheWay:
      return RestoreError.notRestored(
        job.identity, standing: standing,
        problem: "the names could not be exchanged within \(Int(DatabaseExchange.patience)) seconds: "
          + "\(PostgreSQLFailure.telling(inTheWay.lines)); connected are \(PostgreSQLSessions.list(inTheWay.sessions))",
        suggestion: survey.isSuperuser ? "End them" : "End them, or connect as a superuser (--username), who may")
    case is DatabaseExchange.NotTheSame:
      return RestoreError.notRestored(
        job.identity, standing: standing,
        problem: "'\(name)' is not the database any more that was there when this restore began",
        suggestion: "Look at it, and restore again")
    default:
      guard !isGone else { return error }
      return RestoreError.notRestored(
        job.identity, standing: standing, problem: (error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)",
        suggestion: nil)
    }
  }

  /// What stands under the name, and what is left beside it, by looking.
  private func standing(new number: UInt32?, isGone: Bool) -> String {
    let new = job.token.newName
    if let number, case .named(ServerText(name)) = built.name(of: number) {
      return "but the new content has its name all the same; the old one may stand as '\(job.token.oldName)'"
    }
    let rest = isGone ? "" : "; '\(new)', which was being filled, could not be removed: run DROP DATABASE \(new)"
    guard let old = survey.database else {
      return "there is no database '\(name)', as before" + rest
    }
    switch built.name(of: old.oid) {
    case .unknown:
      return "the server does not answer any more; '\(name)' was not touched before the names were to be exchanged"
        + rest
    case .named(ServerText(name)): return "the database is as it was" + rest
    case .named(let found):
      let (from, to) = (Quoting.postgresqlIdentifier(found.shown), Quoting.postgresqlIdentifier(name))
      let rename = "ALTER DATABASE \(from) RENAME TO \(to)"
      return "the database that was there is now called '\(found.shown)': to have it back, run \(rename)" + rest
    case .missing:
      return "the database that was there is gone: somebody else has removed it; nothing else was touched" + rest
    }
  }
}

extension ContentLost {
  var problem: String {
    let shown = entries.prefix(5).map(\.description).joined(separator: " / ")
    let more = entries.count > 5 ? " / and \(entries.count - 5) more" : ""
    let count = entries.count == 1 ? "a part of it" : "\(entries.count) parts of it"
    return "\(program) could not restore \(count): \(shown)\(more)"
  }

  var suggestion: String {
    let way = "'--continue-on-error' restores all the rest and lists what did not come back"
    return PostgreSQLFailure.advice.suggestion(entries.map(\.error)).map { "\($0); or \(way)" } ?? way
  }
}
