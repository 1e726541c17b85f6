import CofferSystem

/// The restore of a server's accounts. Changes to them are no transaction; when one fails, the accounts are made what
/// they were.
struct MariaDBAccountsRestore {
  private let accounts: MariaDBAccounts
  private let before: MariaDBAccounts
  private let present: [MariaDBStatement]
  private let shared: [MariaDBStatement]
  private let session: MariaDBSession
  private let snapshot: MariaDBSnapshot

  private var seal: SealedScript.Seal { snapshot.rules.seal }

  /// Works out what is to change.
  ///
  /// - Parameter shared: Rights that everybody has.
  init(
    _ statements: [MariaDBStatement], shared: [MariaDBStatement], session: MariaDBSession, snapshot: MariaDBSnapshot
  ) throws {
    self.session = session
    self.snapshot = snapshot
    self.shared = shared
    present = try snapshot.accounts()
    let own = try session.query("SELECT CURRENT_USER()", 1).first?.first ?? ""
    let roles = try session.query("SELECT ROLE_NAME FROM information_schema.ENABLED_ROLES", 1).compactMap {
      MariaDBAccounts.Account($0)
    }
    let protected = Set([MariaDBAccounts.Account(current: own)] + roles)
    accounts = MariaDBAccounts(statements, protecting: protected, present: present)
    before = MariaDBAccounts(present, protecting: protected, present: statements)
  }

  /// - Returns: Warnings.
  /// - Throws: `RestoreError`, which says what is there now.
  func run() throws -> [String] {
    do {
      try session.run(script(accounts.required))
    } catch let error as any DiagnosableError {
      try undo(after: MariaDBRunningRestore.cause(error))
    }
    var complaints: [MariaDBSession.Complaint]
    do {
      complaints = try session.runEach(script(accounts.optional + shared))
    } catch let error as any DiagnosableError {
      let (problem, suggestion) = MariaDBRunningRestore.cause(error)
      throw RestoreError.endedInPart(
        session.identity, problem: "the accounts are there, but not all of their rights may be: \(problem)",
        suggestion: suggestion)
    }
    var missing = 0
    if snapshot.rules.countsMissingRights {
      let all = complaints.count
      complaints.removeAll { Self.isOfMissing($0.message) }
      missing = all - complaints.count
    }
    return accounts.refused.map {
      "The account \($0.quoted) is the one that restores, or its role: it was left as it is"
    } + complaints.map { "Not done: \($0.statement?.head ?? "a statement") (\($0.message))" }
      + (missing == 0
        ? [] : ["\(missing) rights on single tables and routines were not tried: those are not in this dump"])
  }

  /// Whether there is no such database, table, column or routine: ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR,
  /// ER_SP_DOES_NOT_EXIST.
  private static func isOfMissing(_ message: String) -> Bool {
    ["1049", "1146", "1054", "1305"].contains { message.begins(with: "ERROR \($0) ") }
  }

  private func script(_ statements: [MariaDBStatement]) throws -> SealedScript {
    var script = SealedScript(seal)
    for statement in statements { try script.append(statement) }
    return script
  }

  /// Puts back what was there, and looks whether it is.
  private func undo(after cause: (problem: String, suggestion: String?)) throws -> Never {
    let session = try session.unstoppable()
    let new = accounts.created.filter { !before.created.contains($0) }
    // Made by the dump's own statements, for the time of the restore.
    let helper = MariaDBAccounts.Account(current: "mariadb_dump_import_role")
    let known = Set(present.compactMap { $0.lexemes.words.first == "CREATE" ? $0.firstName.map(ExactName.init) : nil })
    let drops = (new + (known.contains(ExactName(helper.name)) ? [] : [helper])).map { account in
      MariaDBStatement("DROP \(account.host == nil ? "ROLE" : "USER") IF EXISTS \(account.quoted)")
    }
    let servers = accounts.createdServers.filter { !before.createdServers.contains($0) }.map { name in
      MariaDBStatement("DROP SERVER IF EXISTS \(Quoting.mariadbIdentifier(name))")
    }
    var complaints: [String] = []
    do {
      let all = try script(drops + servers + before.required + before.optional)
      complaints = try session.runEach(all).map(\.message)
    } catch {
      complaints = [RestoreError.cause(of: error)]
    }
    var now: Set<[UInt8]>?
    do {
      now = Set(try snapshot.on(session.context).accounts().map(\.text))
    } catch {
      complaints.append("they could not be looked at: \(RestoreError.cause(of: error))")
    }
    guard let now, now == Set(present.map(\.text)) else {
      throw RestoreError.endedInPart(
        session.identity,
        problem:
          "\(cause.problem); and the accounts are not as they were: \(complaints.suffix(5).joined(separator: " / "))",
        suggestion: "See SHOW GRANTS for each account, and restore the accounts again when the cause is removed")
    }
    throw RestoreError.notRestored(
      session.identity, standing: "the accounts are as they were", problem: cause.problem, suggestion: cause.suggestion)
  }
}
