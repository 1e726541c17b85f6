import CofferRepository
import CofferSystem

/// `delete`: takes archives away.
enum DeleteAction {
  static let declaration = ActionDeclaration(
    "delete", abstract: "Delete an archive.",
    discussion: """
      The archive is gone at once; the space of its chunks is not yet given back. One that cannot be read is deleted by \
      its id.
      """,
    flags: [SharedFlags.archive, SharedFlags.repository, SharedFlags.matchArchives],
    examples: ["coffer delete --archive db1-2026-01-31T03:00:00"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let name = context.flags[SharedFlags.archive] ?? ""
      let archive: Archive
      do {
        archive = try access.archive(name, try context.archiveFilter())
      } catch let error as RepositoryError {
        guard case .noSuchArchive = error, !context.isDryRun else { throw error }
        try access.repository.deleteUnreadable(name)
        context.console.step("\(location.path): Deleted archive \(name), which could not be read")
        return
      }
      guard !context.isDryRun else { return context.console.answer("Would delete archive \(archive.name)") }
      try access.repository.delete(archive)
      context.console.step("\(location.path): Deleted archive \(archive.name)")
    }
  }
}
