import CofferConfiguration
import CofferHooks

/// What a backup consists of, worked out before anything is started.
struct BackupPlan {
  enum DumpErrorPolicy {
    case fail, keepOthers
  }

  let dumps: [any PlannedDump]
  let sources: SourceSelection
  let policy: DumpErrorPolicy

  /// Asks every hook for the dumps that the configuration wants.
  ///
  /// - Throws: `PatternError` and `SourceSelection.Missing`; `DumpError.duplicate` when two would take the same place in the archive; what kept a hook from naming its
  ///   dumps, unless the others are to be kept.
  init(_ context: ActionContext, _ hooks: HookContext) throws {
    let root = context.root
    dumps = try HookRegistry.hooks.flatMap { try $0.dumps(of: root, context: hooks) }
    sources = try SourceSelection(
      root, folder: context.folder, home: context.surroundings.environment["HOME"],
      repositories: context.repositories.compactMap { $0.folder(context.surroundings) })
    for warning in sources.warnings { context.console.warning(warning) }
    policy = root[GeneralOptions.onDumpError] == "keep-others" ? .keepOthers : .fail
    var seen: Set<String> = []
    for dump in dumps where !seen.insert(dump.identity.path).inserted {
      throw DumpError.duplicate(dump.identity)
    }
    let impossible = dumps.compactMap { $0 as? ImpossibleDump }
    guard impossible.isEmpty || policy == .keepOthers else { throw SeveralErrors(impossible.map(\.cause)) }
    guard !dumps.isEmpty || !sources.roots.isEmpty else {
      throw UsageError(
        argument: context.configuration?.path ?? "configuration", problem: "There is nothing to back up",
        suggestion: "List databases (postgresql_databases, sqlite_databases) or source_directories")
    }
  }
}
