import CofferConfiguration
import CofferHooks
import CofferSystem

/// What a backup consists of, worked out before anything is started.
struct BackupPlan {
  let dumps: [any PlannedDump]
  let sources: SourceSelection
  let policy: DumpErrorPolicy

  /// Asks every hook for the dumps that the configuration wants.
  ///
  /// - Throws: `PatternError` and `SourceSelection.Missing`; what kept a hook from naming its dumps, and
  ///   `DumpError.duplicate` for dumps whose place another has, unless the others are to be kept.
  init(_ context: ActionContext, _ hooks: HookContext) throws {
    let root = context.root
    dumps = Self.atOwnPlaces(try context.run.hooks.hooks.flatMap { try $0.dumps(of: root, context: hooks) })
    sources = try SourceSelection(
      root, folder: context.folder, home: context.surroundings.environment.home,
      repositories: context.repositories.compactMap { $0.folder(context) })
    for warning in sources.warnings { context.console.warning(warning) }
    policy = root[GeneralOptions.onDumpError]
    let impossible = dumps.compactMap { $0 as? ImpossibleDump }
    guard impossible.isEmpty || policy == .keepOthers else {
      throw SeveralErrors(impossible.map { $0.named($0.cause) })
    }
    guard !dumps.isEmpty || !sources.roots.isEmpty else {
      let lists = context.run.hooks.hooks.map(\.name).joined(separator: ", ")
      throw UsageError(
        argument: context.configuration?.path ?? "configuration", problem: "There is nothing to back up",
        suggestion: "List databases (\(lists)) or source_directories")
    }
  }

  /// The dumps, of which those whose place in the archive another has before them cannot be taken; the other can.
  static func atOwnPlaces(_ dumps: [any PlannedDump]) -> [any PlannedDump] {
    var seen: Set<ExactName> = []
    return dumps.map { dump in
      if seen.insert(ExactName(dump.identity.path)).inserted { return dump }
      return ImpossibleDump(
        identity: dump.identity, section: dump.section, cause: DumpError.duplicate(dump.identity))
    }
  }
}
