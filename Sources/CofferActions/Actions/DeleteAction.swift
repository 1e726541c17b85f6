import CofferRepository
import CofferSystem

/// `delete`: takes archives away.
enum DeleteAction {
  private static let archive = Flag<String?>(
    "--archive", value: "NAME", help: "The archive's name, its id or the beginning of that, or 'latest'.")

  static let declaration = ActionDeclaration(
    "delete", abstract: "Delete an archive, or all that a pattern names.",
    discussion: """
      On a terminal it is asked for first. Archives are gone at once; the space of their chunks comes back with \
      the next 'coffer compact'. One that cannot be read is deleted by its id. Without --archive, those are deleted \
      that --match-archives or --prefix names, of them only the --first or the --last so many; those that are pinned stay. \
      A pinned one that is named is refused.
      """,
    flags: [archive, SharedFlags.repository] + ArchiveListing.flags + [Confirmation.yes],
    examples: [
      "coffer delete --archive db1-2026-01-31T03:00:00", "coffer delete --match-archives 'old-host-*' --dry-run",
    ], run: run)

  private static func run(_ context: ActionContext) throws {
    guard let wanted = context.flags[archive] else { return try deleteSeveral(context) }
    try context.forEachRepository { try deleteOne(wanted, in: try context.open($0), context) }
  }

  private static func deleteOne(_ wanted: String, in access: OpenRepository, _ context: ActionContext) throws {
    let location = access.location
    let archive: Archive
    do {
      archive = try access.anyArchive(wanted, try context.archiveFilter())
    } catch {
      guard UnreadArchive.isNone(error), try access.repository.isUnreadable(wanted) else { throw error }
      guard !context.isDryRun else {
        return context.console.answer("\(location.path): Would delete archive \(wanted), which cannot be read")
      }
      let shown = Quoting.terminal(wanted)
      try Confirmation.ask(
        "Delete archive \(shown), which cannot be read, from \(location.path)?", "archive \(shown)", context)
      try access.repository.deleteUnreadable(wanted)
      return context.console.remark("\(location.path): Deleted archive \(wanted), which could not be read")
    }
    guard try !access.repository.pins(of: [archive], mustKnow: true).isPinned(archive) else {
      throw RepositoryError.pinnedArchive(archive.name, location: location.path)
    }
    guard !context.isDryRun else {
      return context.console.answer("\(location.path): Would delete archive \(archive.name)")
    }
    let name = Quoting.terminal(archive.name)
    try Confirmation.ask(
      "Delete archive \(name) of \(Formats.time(archive.draft.start)) from \(location.path)?", "archive \(name)",
      context)
    try access.repository.delete(archive)
    context.console.remark(
      "\(location.path): Deleted archive \(archive.name); 'coffer compact' gives its space back"
        + (try SpaceToCome(access, context)?.text ?? ""))
  }

  /// Deletes what a pattern names that was written for it: the one of the configuration would be every archive of the host.
  private static func deleteSeveral(_ context: ActionContext) throws {
    guard context.flags.hasValue(SharedFlags.matchArchives) || context.flags.hasValue(SharedFlags.prefix) else {
      throw UsageError(
        argument: declaration.name, problem: "The flag \(archive.name) is missing",
        suggestion:
          "Write 'coffer delete \(archive.name) NAME', or \(SharedFlags.matchArchives.name) PATTERN for several")
    }
    try context.forEachRepository { location in
      let access = try context.open(location)
      let meant = try ArchiveListing.archives(of: access, context)
      guard !meant.isEmpty else {
        throw RepositoryError.noSuchArchive(try context.archiveFilter().text, location: location.path)
      }
      let pins = try access.repository.pins(of: meant, mustKnow: true)
      let archives = meant.filter { !pins.isPinned($0) }
      for archive in meant where pins.isPinned(archive) {
        context.console.warning("\(location.path): Archive \(Quoting.terminal(archive.name)) is pinned, and stays")
      }
      guard !archives.isEmpty else { return }
      for archive in archives {
        let what = context.isDryRun ? "Would delete archive" : "To delete: archive"
        let line = "\(location.path): \(what) \(archive.name) of \(Formats.time(archive.draft.start))"
        if context.isDryRun { context.console.answer(line) } else { context.console.remark(line) }
      }
      guard !context.isDryRun else { return }
      let count = archives.count == 1 ? "1 archive" : "\(archives.count) archives"
      try Confirmation.ask("Delete \(count) from \(location.path)?", "repository \(location.path)", context)
      for archive in archives { try access.repository.delete(archive) }
      context.console.remark(
        "\(location.path): Deleted \(count); 'coffer compact' gives their space back"
          + (try SpaceToCome(access, context)?.text ?? ""))
    }
  }
}
