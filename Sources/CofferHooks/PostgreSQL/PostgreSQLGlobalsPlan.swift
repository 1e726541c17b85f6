import CofferSystem

/// Decides which servers' roles and tablespaces are saved beside the dumps of single databases: once a server as
/// archives name it, and not where a dump of the whole server holds them anyway.
struct PostgreSQLGlobalsPlan {
  private let whole: Set<ExactName>
  /// The places that were decided on.
  private var decided: Set<ExactName> = []

  init(_ entries: [PostgreSQLEntry]) {
    whole = Set(entries.filter(\.isWholeServer).map { ExactName($0.identity.place) })
  }

  /// - Returns: What to dump; nil for nothing.
  /// - Throws: `DumpError.misconfigured` when the entry insists on what it makes impossible.
  mutating func scope(
    for entry: PostgreSQLEntry, _ conversations: PostgreSQLConversations, context: HookContext
  ) throws -> PostgreSQLDump.Scope? {
    let place = ExactName(entry.identity.place)
    guard entry.globals != .never, !entry.isWholeServer, !decided.contains(place) else { return nil }
    if entry.globals == .automatic, whole.contains(place) || entry.globalsConnection == nil { return nil }
    guard entry.globalsConnection != nil else {
      throw DumpError.misconfigured(
        entry.identity, problem: "Its pg_dump_command does not end in pg_dump, so pg_dumpall cannot be found beside it",
        suggestion: "Take 'globals: true' out, or write the command so that it ends in pg_dump")
    }
    // Where it is not, nobody has asked for more than what is possible.
    if entry.globals == .automatic, try !canRun(entry, context) { return nil }
    decided.insert(place)
    do {
      return .globals(withPasswords: try Self.mayReadPasswords(conversations, context))
    } catch let end as PostgreSQLConversation.Ended
      where entry.globals == .automatic && !end.isLost
    {
      return nil
    } catch is LaunchError where entry.globals == .automatic {
      return nil
    } catch {
      // A server that is away for a moment, while it is started anew, is asked again when the dump begins, which fails without
      // an answer: the dumps of the databases may all succeed by then.
      return .globals(withPasswords: nil)
    }
  }

  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `CommandTimedOut`; `RunCancelled`; `SystemError`.
  static func mayReadPasswords(_ conversations: PostgreSQLConversations, _ context: HookContext) throws -> Bool {
    let rows = try conversations.askServer(
      "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')", columns: 1, context)
    return rows.first?[0]?.text == "t"
  }

  /// Whether pg_dumpall is where a command that is configured has pg_dump.
  private func canRun(_ entry: PostgreSQLEntry, _ context: HookContext) throws -> Bool {
    guard entry.connection.override(of: .dump) != nil, let connection = entry.globalsConnection else { return true }
    do {
      let answer = try context.versions.answer(to: connection.versionCommand(.dumpAll, context: context), context)
      return answer.status.isSuccess
    } catch is LaunchError {
      return false
    } catch is CommandTimedOut {
      return false
    }
  }
}
