import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import Foundation

/// `create`: backs up.
enum CreateAction {
  private static let comment = Flag("--comment", value: "TEXT", help: "A remark that is kept with the archive.")
  private static let stats = Flag("--stats", "--quick-stats", help: "Print the sizes of the new archive.")
  private static let list = Flag("--list", "--files", help: "Print every item as it is stored.")

  static let declaration = ActionDeclaration(
    "create", "-C", abstract: "Back up the configured databases and files into a new archive.",
    discussion: """
      Every database's own dump program is started and what it writes is stored as it comes, without temporary files \
      (but for dumps of the format 'directory'). The archive exists only when everything is in it: if a dump fails, \
      none is made, and what was stored so far is reused by the next run.
      """,
    flags: [SharedFlags.repository, comment, stats, list, SharedFlags.json, SharedFlags.progress],
    examples: ["coffer create", "coffer create --stats --comment 'before the upgrade'"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      if context.isDryRun { return try plan(context, location) }
      let access = try context.open(location)
      let backup = try Backup(context, access: access, lists: lists(context))
      let archive = try backup.run(comment: context.flags[comment] ?? "")
      report(archive, access, context)
    }
  }

  private static func lists(_ context: ActionContext) -> Bool {
    context.flags.contains(list) || context.root[OutputOptions.listDetails] ?? false
  }

  private static func plan(_ context: ActionContext, _ location: RepositoryLocation) throws {
    let hooks = try context.hookContext()
    for dump in try Backup.plannedDumps(context, hooks) {
      context.console.answer("Would dump \(dump.identity.title) to \(location.path)")
    }
    for path in context.root[GeneralOptions.sourceDirectories] ?? [] {
      context.console.answer("Would back up \(path) to \(location.path)")
    }
  }

  private static func report(_ archive: Archive, _ access: OpenRepository, _ context: ActionContext) {
    let sizes = archive.statistics
    let seconds = archive.end.timeIntervalSince(archive.draft.start)
    let line =
      "\(access.location.path): Archive \(archive.name): \(Formats.size(sizes.originalSize)) read, "
      + "\(Formats.size(sizes.newSize)) new, \(Formats.size(sizes.storedSize)) stored, \(Formats.duration(seconds))"
    let wantsStatistics =
      context.flags.contains(stats) || (context.root[OutputOptions.statistics] ?? "none") != "none"
    if wantsStatistics && !context.wantsJSON {
      context.console.answer(line)
    } else {
      context.console.step(line)
    }
    guard context.wantsJSON, let statistics = try? access.repository.statistics() else { return }
    context.outcomes.add(
      .object([
        "archive": .object(JSONShapes.detailed(archive)), "cache": JSONShapes.cache(statistics),
        "encryption": JSONShapes.encryption(access),
        "repository": JSONShapes.repository(access, lastModified: archive.end),
      ]))
  }
}
