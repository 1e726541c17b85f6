import CofferRepository
import CofferSystem

/// `key remove`: takes a key out of a repository.
enum KeyRemoveAction {
  private static let key = Flag<String>(
    "--key", required: "ID", help: "The key's id, or its beginning: see 'coffer key list'.")

  static let declaration = ActionDeclaration(
    "key remove", abstract: "Take a key out of a repository.",
    discussion: """
      Needs the passphrase of another full key. The archives that the key has signed stay and can be restored. Of a \
      write-only key nothing counts that it signs afterwards. Whoever has a copy of a full key and its passphrase keeps \
      what that gives him: if a full key was stolen, make a new repository. A removal that was interrupted is carried on by \
      the same command.
      """,
    flags: [key, SharedFlags.repository, Confirmation.yes], examples: ["coffer key remove --key 0123abcd"],
    repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let beginning = context.flags[key]
      let found = try access.repository.keys().filter { $0.id.begins(with: beginning) }
      guard found.count == 1 else { throw try access.repository.noKey(beginning) }
      let title = "\(found[0].role.rawValue) key \(found[0].id)"
      guard !context.isDryRun else {
        return context.console.answer("Would remove \(title) from \(location.path)")
      }
      let name = found[0].label.isEmpty ? "" : " (\(Quoting.terminal(found[0].label)))"
      try Confirmation.ask("Remove \(title)\(name) from \(location.path)?", "key \(found[0].id)", context)
      try access.repository.removeKey(found[0].id)
      context.console.answer("\(location.path): Removed \(title)")
    }
  }
}
