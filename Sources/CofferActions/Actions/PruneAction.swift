import CofferConfiguration
import CofferRepository
import CofferSystem

/// `prune`: deletes archives that no `keep_` option wants any more.
enum PruneAction {
  private static let list = Flag<Bool>("--list", help: "Print every archive, and why it is kept or not.")
  private static let stats = Flag<Bool>(
    "--stats", "--quick-stats", help: "Print how many archives were kept and deleted.")

  static let declaration = ActionDeclaration(
    "prune", "-p", abstract: "Delete archives that are too old to be kept.",
    discussion: """
      The keep_ options say which archives to keep; the others are deleted. Only archives with names like those that \
      this configuration makes are looked at, so that machines which share a repository do not delete each other's. A \
      partial archive never takes the place of a whole one. Without any keep_ option nothing is deleted. The space of \
      deleted archives comes back with the next 'coffer compact'.
      """,
    flags: [SharedFlags.repository, SharedFlags.matchArchives, SharedFlags.prefix, list, stats],
    examples: ["coffer prune --dry-run --list", "coffer prune --keep-daily 7 --keep-weekly 4"],
    options: [RetentionOptions.schema], isMonitored: true, run: run)

  private static func run(_ context: ActionContext) throws {
    let policy = RetentionPolicy(context.root)
    guard !policy.isEmpty else {
      return context.console.step("No keep_ option is set: every archive is kept")
    }
    let filter = try context.archiveFilter()
    try context.forEachRepository { location in
      let access = try context.open(location)
      let all = try access.repository.archives().filter(filter.sees)
      // What is void, or may become so, stands for nothing, and nothing is decided about it.
      let archives = all.filter { $0.standing == .counts }
      let now = context.surroundings.clock.now()
      // The archives of each write-only key count by themselves, so that a stolen one pushes nobody else's out.
      let groups = Dictionary(grouping: archives, by: \.writeOnlyKey).values
      let reasons = groups.reduce(into: [String: String]()) { reasons, group in
        let candidates = group.map {
          RetentionPolicy.Candidate(id: $0.id, date: $0.startTime, isPartial: $0.isPartial)
        }
        reasons.merge(policy.reasons(for: candidates, now: now)) { first, _ in first }
      }
      for archive in archives where RetentionPolicy.isFuture(archive.startTime, now: now) {
        context.console.warning(
          "\(location.path): Archive \(Quoting.terminal(archive.name)) claims to be of "
            + "\(Formats.time(archive.startTime)), which is in the future: it is kept and counts for nothing. A clock was "
            + "wrong; delete the archive if it is not wanted")
      }
      for archive in all where archive.standing != .counts {
        context.console.step("\(location.path): \(archive.name) is \(archive.standing.rawValue), and left alone")
      }
      for archive in archives.reversed() { try settle(archive, reasons[archive.id], access, context) }
      let deleted = archives.count - reasons.count
      let line =
        "\(location.path): Kept \(reasons.count) archives, deleted \(deleted)"
        + (deleted > 0 && !context.isDryRun ? "; 'coffer compact' gives their space back" : "")
      if context.flags.contains(stats) && !context.isDryRun {
        context.console.answer(line)
      } else {
        context.console.step(line)
      }
    }
  }

  private static func settle(
    _ archive: Archive, _ reason: String?, _ access: OpenRepository, _ context: ActionContext
  ) throws {
    let fate = reason.map { "Keeping (\($0))" } ?? (context.isDryRun ? "Would delete" : "Deleting")
    let line = "\(fate): \(archive.name)  \(Formats.time(archive.draft.start))"
    if context.flags.contains(list) || context.isDryRun {
      context.console.answer(line)
    } else {
      context.console.step(line)
    }
    guard reason == nil, !context.isDryRun else { return }
    try context.cancellation.check()
    try access.repository.delete(archive)
  }
}
