import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `create`: backs up.
enum CreateAction {
  private static let comment = Flag<String>(
    "--comment", value: "TEXT", default: "", help: "A remark that is kept with the archive.")
  private static let stats = Flag<Bool>("--stats", "--quick-stats", help: "Print the sizes of the new archive.")
  private static let list = Flag<Bool>("--list", "--files", help: "Print every item as it is stored.")

  static let declaration = ActionDeclaration(
    "create", "-C", abstract: "Back up the configured databases and files into a new archive.",
    discussion: """
      Every database's own dump program is started and what it writes is stored as it comes, without temporary files \
      (but for dumps of the format 'directory'); with several repositories it is read once and stored in all of them. \
      The archive exists only when everything is in it: if a dump fails, none is made, and what was stored so far is \
      reused by the next run. With 'on_dump_error: keep-others' the archive is made without it and marked partial. \
      With --dry-run every dump is begun and given up: what would keep it from being made is told. With 'schedule' \
      nothing is done where the hour, the day or the week has its archive; --force makes another.
      """,
    flags: [SharedFlags.repository, comment] + ArchiveNote.flags + [
      stats, list, SharedFlags.force, SharedFlags.json, SharedFlags.progress,
    ],
    examples: [
      "coffer create", "coffer create --label before-upgrade --reason 'version 7' --keep-until 90d --stats",
    ],
    options: [GeneralOptions.backup, SourceOptions.schema], databases: .all, isMonitored: true, repositories: .together,
    run: run)

  private static func run(_ context: ActionContext) throws {
    let note = try ArchiveNote(context)
    guard !context.isDryRun else { return try BackupRehearsal(context).rehearse() }
    var repositories: [OpenRepository] = []
    var failures: [any Error] = []
    for location in context.repositories {
      do { repositories.append(try context.open(location, forBackup: true)) } catch {
        failures.append(RepositoryFailure(location, error))
      }
    }
    guard !repositories.isEmpty else { throw SeveralErrors(failures) }
    // What is made for a purpose is not the window's backup.
    if note.isEmpty, let schedule = try BackupSchedule(context) {
      repositories = repositories.filter { access in
        do { return try schedule.isDue(access) } catch {
          failures.append(RepositoryFailure(access.location, error))
          return false
        }
      }
      if repositories.isEmpty && failures.isEmpty { throw NothingDue() }
      guard !repositories.isEmpty else { throw SeveralErrors(failures) }
    }
    do {
      let backup = try Backup(context, into: repositories, lists: lists(context))
      let outcome = try backup.makeArchives(comment: context.flags[comment], note)
      for (access, archive) in outcome.archives {
        context.run.collector.add(archive, in: access.location)
        if archive.isPartial { context.run.notes.notePartial() }
        report(archive, access, context)
      }
      failures += outcome.errors
    } catch {
      failures.append(error)
    }
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  private static func lists(_ context: ActionContext) -> Bool {
    context.flags.contains(list) || context.root[OutputOptions.listDetails]
  }

  private static func report(_ archive: Archive, _ access: OpenRepository, _ context: ActionContext) {
    let sizes = archive.statistics
    let seconds = archive.end.timeIntervalSince(archive.draft.start)
    if archive.isPartial {
      let missing = archive.draft.missingDumps.joined(separator: ", ")
      context.console.warning("\(access.location.path): Archive \(archive.name) is partial, without \(missing)")
    }
    let line =
      "\(access.location.path): Archive \(archive.name): \(Formats.size(sizes.originalSize)) in all, "
      + "\(Formats.size(sizes.newSize)) new, \(Formats.size(sizes.storedSize)) stored, \(Formats.duration(seconds))"
    let wantsStatistics =
      context.flags.contains(stats) || context.root[OutputOptions.statistics] != .none
    if wantsStatistics && !context.wantsJSON {
      context.console.answer(line)
    } else {
      context.console.remark(line)
    }
    guard context.wantsJSON else { return }
    var outcome = [
      "archive": JSONValue.object(JSONShapes.detailed(archive)), "encryption": JSONShapes.encryption(access),
      "repository": JSONShapes.repository(access, lastModified: archive.end),
    ]
    // The archive is there and is told of, whatever of the repository cannot be counted now.
    if let statistics = try? access.repository.statistics() { outcome["cache"] = JSONShapes.cache(statistics) }
    context.run.outcomes.add(.object(outcome))
  }
}
