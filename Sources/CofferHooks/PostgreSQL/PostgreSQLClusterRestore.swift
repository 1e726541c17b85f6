import CofferSystem

/// The restore of a whole server from pg_dumpall's script, or of its roles and tablespaces only.
///
/// Every database is restored under a temporary name first. Only when all of them are whole do they take the names
/// of the old ones, and do roles that exist already change, all in one transaction; until then the server is as it was.
struct PostgreSQLClusterRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let target: PostgreSQLTarget
  private let slots: [PostgreSQLTarget.Slot]
  private let placing: ServerGlobals.Placing?

  /// Checks connection and permissions.
  ///
  /// - Parameter placing: Where tablespaces are made; nil for where the dump has them.
  /// - Throws: `RestoreError.refused`.
  init(
    facts: DumpFacts, entry: PostgreSQLEntry, placing: ServerGlobals.Placing? = nil, context: HookContext
  ) throws {
    self.facts = facts
    self.entry = entry
    self.placing = placing
    target = try PostgreSQLTarget(entry.connection, of: facts.identity, context: context)
    try target.checkItTakesChanges(of: facts.identity)
    guard target.isSuperuser || facts.identity.isGlobals && target.mayCreateRoles else {
      throw RestoreError.refused(
        facts.identity,
        problem: facts.identity.isGlobals
          ? "the user may not create roles" : "the user is no superuser, which the restore of a whole server needs",
        suggestion: "Restore with --username of a superuser")
    }
    if let half = DumpHalf(facts.details) { try Self.checkEmpty(half, entry, facts.identity, context) }
    slots =
      facts.identity.isGlobals
      ? [] : try PostgreSQLTarget.slots(entry.connection, of: facts.identity, context: context)
  }

  /// Half a dump goes to a server that has no databases but those which every one is born with, and no tables in the one of them that
  /// people work in.
  private static func checkEmpty(
    _ half: DumpHalf, _ entry: PostgreSQLEntry, _ identity: DumpIdentity, _ context: HookContext
  ) throws {
    let own: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("f.name")) FROM (
      SELECT d.datname FROM pg_catalog.pg_database d WHERE d.oid OPERATOR(pg_catalog.>=) 16384
      UNION ALL SELECT pg_catalog.current_database() FROM pg_catalog.pg_class c
      WHERE c.oid OPERATOR(pg_catalog.>=) 16384 AND c.relkind OPERATOR(pg_catalog.=) 'r'
      ) AS f (name) ORDER BY f.name LIMIT 1
      """
    let result = try entry.connection.queryServer(own, context: context)
    guard let rows = PostgreSQLAnswer(result, columns: 1)?.rows else {
      throw RestoreError.refused(
        identity, problem: PostgreSQLFailure.telling(result.errorLines),
        suggestion: identity.advice.suggestion(result.errorLines))
    }
    guard let name = rows.first?[0] else { return }
    throw half.refusal(identity, in: "'\(name.shown)' and other databases", orElse: nil)
  }

  var summary: String {
    guard !facts.identity.isGlobals else {
      return "\(facts.identity.title) -> the roles and tablespaces of \(entry.connection.place), made or altered"
    }
    let end =
      slots.isEmpty
      ? ""
      : "; replication slots of the old ones are dropped: "
        + slots.map { "\($0.name.shown) of '\($0.database.shown)'" }.joined(separator: ", ")
    return "\(facts.identity.title) -> every database of it at \(entry.connection.place), "
      + "put in place of the ones of the same names once all are restored\(cron)\(end)"
  }

  private var cron: String {
    guard let name = target.cronDatabase else { return "" }
    return " (but '\(name.shown)' when it is its turn, because pg_cron can be made in no database of another name; "
      + "the old one is kept until all are whole)"
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    PostgreSQLRunningClusterRestore(
      facts: facts, entry: entry, target: target, placing: placing, context: context)
  }
}
