import CofferRepository
import CofferSystem

/// `key change-passphrase`: another passphrase for the key that opens a repository.
enum KeyChangePassphraseAction {
  static let declaration = ActionDeclaration(
    "key change-passphrase", abstract: "Give the key in use another passphrase.",
    discussion: """
      The key is the one that today's passphrase opens; the others keep theirs. \(NewPassphrase.explanation) Afterwards \
      the configuration has to be given the new one. Somebody who knows the old passphrase and has a copy of the \
      repository, or of an exported key, from before still opens that copy.
      """,
    flags: [NewPassphrase.passphrase, NewPassphrase.passcommand, SharedFlags.repository],
    examples: [
      "coffer key change-passphrase",
      "coffer key change-passphrase --new-passcommand 'cat /root/new-passphrase'",
    ], repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access: OpenRepository
      var given: SecretBytes?
      do {
        access = try context.open(location)
      } catch let error as RepositoryError {
        guard case .wrongPassphrase = error, !context.isDryRun else { throw error }
        // A run that was killed may have changed it.
        let new = try NewPassphrase.read(context, for: location)
        do { access = try context.open(location, with: new) } catch RepositoryError.wrongPassphrase { throw error }
        given = new
      }
      guard !context.isDryRun else {
        return context.console.answer("Would change the passphrase of the key in use of \(location.path)")
      }
      let new = try given ?? NewPassphrase.read(context, for: location)
      let isChanged = try access.repository.changePassphrase(to: new)
      context.console.answer(
        isChanged
          ? "\(location.path): The key in use has the new passphrase; give it to the configuration, and print the key anew"
          : "\(location.path): The key in use has this passphrase already")
    }
  }
}
