import CofferSystem

/// The restore of a whole server from pg_dumpall's script, or of its roles and tablespaces only.
///
/// Every database is restored under a temporary name first. Only when all of them are whole do they take the names
/// of the old ones, and do roles that exist already change, all in one transaction; until then the server is as it was.
struct PostgreSQLClusterRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let user: String
  private let isSuperuser: Bool

  /// Checks connection and permissions.
  ///
  /// - Throws: `RestoreError.refused`.
  init(facts: DumpFacts, entry: PostgreSQLEntry, context: HookContext) throws {
    self.facts = facts
    self.entry = entry
    let sql = "SELECT rolsuper, rolcreaterole, current_user FROM pg_roles WHERE rolname = current_user"
    let result = try entry.connection.query(sql, database: "template1", context: context)
    guard result.status.isSuccess else {
      throw RestoreError.refused(
        facts.identity, problem: result.errorLines.last ?? "psql failed",
        suggestion: ClientFailure.suggestion(result.errorLines))
    }
    let fields = result.text.dropLast().split(separator: "\u{1f}", maxSplits: 2)
    isSuperuser = fields.first == "t"
    let may = isSuperuser || facts.identity.isGlobals && fields.dropFirst().first == "t"
    guard may, let name = fields.last else {
      throw RestoreError.refused(
        facts.identity,
        problem: facts.identity.isGlobals
          ? "the user may not create roles" : "the user is no superuser, which the restore of a whole server needs",
        suggestion: "Restore with --username of a superuser")
    }
    user = String(name)
  }

  var summary: String {
    facts.identity.isGlobals
      ? "\(facts.identity.title) -> the roles and tablespaces of \(entry.connection.place), made or altered"
      : "\(facts.identity.title) -> every database of it at \(entry.connection.place), "
        + "put in place of the ones of the same names once all are restored"
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    PostgreSQLRunningClusterRestore(facts: facts, entry: entry, user: user, isSuperuser: isSuperuser, context: context)
  }
}
