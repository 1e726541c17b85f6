import CofferRepository
import CofferSystem

/// `delete`: takes archives away.
enum DeleteAction {
  static let declaration = ActionDeclaration(
    "delete", abstract: "Delete an archive.",
    discussion: """
      On a terminal it is asked for first. The archive is gone at once; the space of its chunks comes back with \
      the next 'coffer compact'. One that cannot be read is deleted by its id.
      """,
    flags: [SharedFlags.archive, SharedFlags.repository, SharedFlags.matchArchives, Confirmation.yes],
    examples: ["coffer delete --archive db1-2026-01-31T03:00:00"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let wanted = context.flags[SharedFlags.archive]
      let archive: Archive
      do {
        archive = try access.anyArchive(wanted, try context.archiveFilter())
      } catch let error as RepositoryError {
        guard case .noSuchArchive = error, try access.repository.isUnreadable(wanted) else { throw error }
        guard !context.isDryRun else {
          return context.console.answer("\(location.path): Would delete archive \(wanted), which cannot be read")
        }
        let shown = Quoting.terminal(wanted)
        try Confirmation.ask(
          "Delete archive \(shown), which cannot be read, from \(location.path)?", "archive \(shown)", context)
        try access.repository.deleteUnreadable(wanted)
        context.console.step("\(location.path): Deleted archive \(wanted), which could not be read")
        return
      }
      guard !context.isDryRun else {
        return context.console.answer("\(location.path): Would delete archive \(archive.name)")
      }
      let name = Quoting.terminal(archive.name)
      try Confirmation.ask(
        "Delete archive \(name) of \(Formats.time(archive.draft.start)) from \(location.path)?", "archive \(name)",
        context)
      try access.repository.delete(archive)
      context.console.step(
        "\(location.path): Deleted archive \(archive.name); 'coffer compact' gives its space back"
          + (try SpaceToCome(access, context)?.text ?? ""))
    }
  }
}
