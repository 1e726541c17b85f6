import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `prune`: deletes archives that no `keep_` option wants any more.
enum PruneAction {
  private static let list = Flag<Bool>("--list", help: "Print every archive, and why it is kept or not.")
  private static let stats = Flag<Bool>(
    "--stats", "--quick-stats",
    help: "Print how many archives were kept and deleted, and about how much space 'coffer compact' would give back.")

  static let declaration = ActionDeclaration(
    "prune", "-p", abstract: "Delete archives that are too old to be kept.",
    discussion: """
      The keep_ options say which archives to keep; the others are deleted. Only archives with names like those that \
      this configuration makes are looked at, so that machines which share a repository do not delete each other's. A \
      partial archive never takes the place of a whole one, nor an archive whose clock was wrong that of another. What \
      'coffer pin', --keep-until or 'keep_labelled' keeps takes nobody's place. Without \
      any keep_ option nothing is deleted. Of logs only what 'keep_log' does not want goes, and that only of servers that 'postgresql_clusters', 'mariadb_servers' or 'mysql_servers' names; what archives need to be brought into its window stays. Where the keep_ options want none of the archives, the newest stays. A bare 'coffer' leaves it out where the key is write-only. The space of deleted archives comes back with the next 'coffer compact'.
      """,
    flags: [SharedFlags.repository, SharedFlags.matchArchives, SharedFlags.prefix, list, stats, SharedFlags.json],
    examples: ["coffer prune --dry-run --list", "coffer prune --keep-daily 7 --keep-weekly 4"],
    options: [RetentionOptions.schema],
    partly: [
      PostgreSQLClusterOptions.schema, MariaDBServerOptions.schema, MongoDBServerOptions.schema,
    ],
    isMonitored: true, run: run)

  private static func run(_ context: ActionContext) throws {
    let policy = RetentionPolicy(context.root)
    let window = context.root[RetentionOptions.log]?.seconds
    try LogCluster.checkAll(context)
    guard !policy.isEmpty || window != nil || context.wantsJSON else {
      return context.console.step("No keep_ option is set: every archive is kept")
    }
    let filter = try context.archiveFilter()
    try context.forEachRepository { location in
      let access = try context.open(location)
      guard !context.run.parsed.isStandard || access.repository.role == .full else {
        return context.console.remark(
          "\(location.path): Not pruned: the key in use is write-only; it takes a full one")
      }
      try access.repository.refuseLostDecisions()
      // Before the archives, which say what they need of logs.
      let logs = try window.map { _ in try access.repository.logInventory() }
      let listed = try access.repository.listArchives(mustJudge: true)
      let all = try listed.readable.filter(filter.sees)
      // What is void, or may become so, stands for nothing, and nothing is decided about it.
      let archives = all.filter { $0.standing == .counts }
      let now = context.surroundings.clock.now()
      let reasons = reasons(for: archives, policy, try access.repository.pins(of: archives, mustKnow: true), now: now)
      for archive in archives where RetentionPolicy.isFuture(archive.startTime, now: now) {
        context.console.warning(
          "\(location.path): Archive \(Quoting.terminal(archive.name)) claims to be of "
            + "\(Formats.time(archive.startTime)), which is in the future: it is kept and counts for nothing. A clock was "
            + "wrong; delete the archive if it is not wanted")
      }
      for archive in archives where reasons[archive.id] == .newest {
        context.console.warning(
          "\(location.path): The keep_ options want no archive any more, also not the newest, "
            + "\(Quoting.terminal(archive.name)) of \(Formats.time(archive.startTime)): it is kept all the same. See whether "
            + "backups are still made, and whether this machine's clock is right; 'coffer delete' deletes it")
      }
      for archive in all where archive.standing != .counts {
        tell("\(location.path): \(archive.name) is \(archive.standing.rawValue), and left alone", context)
      }
      for archive in archives.reversed() { try keepOrDelete(archive, reasons[archive.id], access, context) }
      let deleted = archives.count - reasons.count
      if let window, let logs {
        let gone = Set(archives.map(\.id).filter { reasons[$0] == nil })
        let left = listed.readable.filter { $0.standing != .void && !gone.contains($0.id) }
        try pruneLogs(logs, window, for: listed.passedOver.isEmpty ? left : nil, access, context)
      }
      let space = try deleted > 0 ? SpaceToCome(access, context, isAsked: context.flags.contains(stats)) : nil
      if context.wantsJSON { context.run.outcomes.add(json(archives, reasons, space, access, context)) }
      let line =
        "\(location.path): Kept \(reasons.count) archives, deleted \(deleted)"
        + (deleted > 0 && !context.isDryRun ? "; 'coffer compact' gives their space back\(space?.text ?? "")" : "")
      if context.flags.contains(stats) && !context.isDryRun {
        context.console.answer(line)
      } else {
        context.console.remark(line)
      }
    }
  }

  /// Why archives are kept. Those of each write-only key count by themselves, so that a stolen one pushes nobody else's out.
  private static func reasons(
    for archives: [Archive], _ policy: RetentionPolicy, _ pins: ArchivePins, now: Date
  ) -> [String: RetentionPolicy.Reason] {
    guard !policy.isEmpty else { return Dictionary(uniqueKeysWithValues: archives.map { ($0.id, .unlimited) }) }
    return Dictionary(grouping: archives, by: \.writeOnlyKey).values.reduce(into: [:]) { reasons, group in
      let candidates = group.map {
        RetentionPolicy.Candidate(
          id: $0.id, date: $0.startTime, isPartial: $0.isPartial, isPinned: pins.isPinned($0), keepUntil: $0.keepUntil,
          label: $0.draft.label)
      }
      reasons.merge(policy.reasons(for: candidates, now: now)) { first, _ in first }
    }
  }

  private static func json(
    _ archives: [Archive], _ reasons: [String: RetentionPolicy.Reason], _ space: SpaceToCome?,
    _ access: OpenRepository, _ context: ActionContext
  ) -> JSONValue {
    .object([
      "archives": .list(
        archives.map { archive in
          let reason = reasons[archive.id]
          return .object([
            "archive": .text(archive.name), "id": .text(archive.id), "name": .text(archive.name),
            "start": .text(Formats.isoTime(archive.draft.start)), "partial": .bool(archive.isPartial),
            "kept": .bool(reason != nil), "reason": JSONValue(reason?.description), "rule": JSONValue(reason?.rule),
            "number": JSONValue(reason?.number),
          ])
        }),
      "kept": .number(reasons.count), "deleted": .number(archives.count - reasons.count),
      "space_to_come": space?.json ?? .null, "dry_run": .bool(context.isDryRun),
      "encryption": JSONShapes.encryption(access),
      "repository": JSONShapes.repository(access, lastModified: archives.last?.end),
    ])
  }

  /// - Parameter archives: Those that may need log; nil where it is not known what all of them need.
  private static func pruneLogs(
    _ logs: LogInventory, _ window: Double, for archives: [Archive]?, _ access: OpenRepository, _ context: ActionContext
  ) throws {
    guard let archives else {
      return context.console.warning(
        "\(access.location.path): No log is deleted: a record in archives/ cannot be read, and its archive may need log. "
          + "'coffer delete --archive ID' takes away one that nobody can mend")
    }
    let clusters = LogCluster.named(context)
    if clusters.isEmpty {
      context.console.warning(
        "\(access.location.path): No log is deleted: 'keep_log' is of the servers that postgresql_clusters, mariadb_servers, mysql_servers and mongodb_servers name, and they name none"
      )
    }
    let report = try access.repository.pruneLogs(
      logs, window: window, archives: archives, isDryRun: context.isDryRun,
      of: { origin in clusters.contains { $0.isMeant(by: origin) } })
    if !clusters.isEmpty, report.otherLogs > 0 {
      context.console.step(
        "\(access.location.path): \(report.otherLogs) logs are left alone: the configuration names no such servers")
    }
    let fate = context.isDryRun ? "Would delete" : "Deleted"
    let line =
      "\(access.location.path): \(fate) \(report.deleted) objects of logs, \(Formats.size(report.deletedSize)), and kept \(report.kept)"
    if context.isDryRun || context.flags.contains(stats) {
      context.console.answer(line)
    } else if report.deleted > 0 {
      context.console.remark(line)
    }
  }

  /// Says what becomes of an archive, to who asks for it.
  private static func tell(_ line: String, _ context: ActionContext) {
    if context.flags.contains(list) || context.isDryRun {
      context.console.answer(line)
    } else {
      context.console.step(line)
    }
  }

  private static func keepOrDelete(
    _ archive: Archive, _ reason: RetentionPolicy.Reason?, _ access: OpenRepository, _ context: ActionContext
  ) throws {
    let fate = reason.map { "Keeping (\($0))" } ?? (context.isDryRun ? "Would delete" : "Deleting")
    let line = "\(Quoting.terminal(fate)): \(archive.name)  \(Formats.time(archive.draft.start))"
    tell(line, context)
    guard reason == nil, !context.isDryRun else { return }
    try context.cancellation.check()
    try access.repository.delete(archive)
  }
}
