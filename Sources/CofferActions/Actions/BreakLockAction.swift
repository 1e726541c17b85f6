import CofferRepository
import CofferSystem

/// `break-lock`: there is nothing to it, but scripts of borgmatic's users call it.
enum BreakLockAction {
  static let declaration = ActionDeclaration(
    "break-lock", abstract: "Say that there is no lock to break.",
    discussion: """
      A repository of Coffer's has no locks: any number of backups, restores and checks work in it at the same time, and \
      what a killed run has left behind keeps nobody out. So nothing is changed. Scripts that were written for borgmatic \
      can go on calling it.
      """,
    flags: [SharedFlags.repository], examples: ["coffer break-lock"], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      guard try Repository.header(in: location.store(context), cancellation: context.cancellation) != nil else {
        throw RepositoryError.notFound(location: location.path)
      }
      context.console.answer("\(location.path): There was nothing to break: repositories of Coffer's have no locks")
    }
  }
}
