import CofferConfiguration
import CofferMonitoring
import CofferRepository
import CofferSystem

/// `status`: how old the last good backups are.
enum StatusAction {
  private static let last = Flag<Int?>(
    "--last", value: "N", .count, help: "Look into so many of the newest archives. Default: 30.")
  private static let html = Flag<String?>(
    "--html", value: "FILE", help: "Write a page for browsers, too: one file that needs nothing else.")
  private static let prometheus = Flag<String?>(
    "--prometheus", value: "FILE",
    help: "Write figures for Prometheus, too, into a file whose name ends in .prom; what else is in it stays.")

  /// Archives that are looked into, unless the command line says otherwise.
  private static let standardDepth = 30

  static let declaration = ActionDeclaration(
    "status", abstract: "Show the last good backup of every database, its age, size and growth.",
    discussion: """
      For every repository and database: when its last good backup was made, how old and how large it is, how much it has \
      grown since the one before, when the next is due - by 'backup_within', or else by the usual distance of past \
      backups -, and when it was last proven to restore. What became of the last run is told, too: a run that a command \
      skipped (exit code 75) is neither a success nor a failure. Servers are not asked, but \
      those of whose binary log nothing has been stored for longer than 'log_within', whether they have more. Exit code 1 when a backup is older \
      than 'backup_within' lets it be.
      """,
    flags: [
      SharedFlags.repository, last, SharedFlags.matchArchives, SharedFlags.prefix, html, prometheus, SharedFlags.json,
    ],
    examples: [
      "coffer status",
      "coffer status --html /var/www/backups.html --prometheus /var/lib/node_exporter/status.prom",
    ],
    options: [StatusOptions.schema], databases: .all, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let depth = context.flags[last] ?? standardDepth
      var failures: [any Error] = []
      let status = try StatusReading(context, access, depth: depth).read { failures.append($0) }
      let all = context.run.statuses.update { statuses in
        statuses.append(status)
        return statuses
      }
      if context.wantsJSON {
        context.run.outcomes.add(status.json)
      } else {
        StatusText(status).tell(context)
      }
      if !context.isDryRun { try write(all, status, context) }
      if !status.problems.isEmpty {
        failures.append(OverdueBackups(repository: location.name, problems: status.problems))
      }
      if !failures.isEmpty { throw SeveralErrors(failures) }
    }
  }

  /// Writes the files that the command line names. The page has all repositories that had their turn.
  private static func write(_ all: [RepositoryStatus], _ status: RepositoryStatus, _ context: ActionContext) throws {
    if let path = context.flags[prometheus] {
      try MetricsFile(context.absolutePath(path), option: prometheus.name).update(with: status.figures)
    }
    if let path = context.flags[html] { try StatusPage(all).write(to: context.absolutePath(path)) }
  }
}
