import CofferRepository
import CofferSystem

/// `key add`: a further key, with a passphrase of its own.
enum KeyAddAction {
  private static let writeOnly = Flag<Bool>(
    "--write-only", help: "Make a key that adds backups and can neither read nor delete any: for a host.")
  private static let label = Flag<String>(
    "--label", value: "TEXT",
    FlagParser("a text of at most \(NewKey.labelLimit) bytes") { $0.utf8.count <= NewKey.labelLimit ? $0 : nil },
    default: "", help: "What 'key list' calls it.")
  private static let path = Flag<String?>(
    "--path", value: "FILE", help: "For keyfile repositories: write the key here, to be carried to where it is used.")

  static let declaration = ActionDeclaration(
    "key add", abstract: "Add a key to a repository.",
    discussion: """
      Needs the passphrase of a full key. \(NewPassphrase.explanation) The host that is to use the key gets its passphrase \
      as its encryption_passphrase; for a keyfile repository it gets the file, too: 'coffer key import' there takes it. If \
      the passphrase opens a key of that role already, nothing happens.
      """,
    flags: [writeOnly, label, path, NewPassphrase.passphrase, NewPassphrase.passcommand, SharedFlags.repository],
    examples: [
      "coffer key add --write-only --label web1 --new-passphrase '{credential file /root/web1-passphrase}'",
      "coffer key add --label safe",
    ], repositories: .one, run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let access = try context.open(location)
      let role: KeyRole = context.flags.contains(writeOnly) ? .writeOnly : .full
      let file = context.flags[path].map(context.absolutePath)
      guard (file != nil) == (access.repository.header.mode == .keyfile) else {
        throw UsageError(
          argument: "--path",
          problem: file == nil
            ? "The keys of \(location.path) are kept in files, and it is not said which one to write"
            : "The keys of \(location.path) are kept in the repository",
          suggestion: file == nil ? "Add '--path FILE'" : "Leave --path out")
      }
      guard !context.isDryRun else {
        return context.console.answer("Would add a \(role.rawValue) key to \(location.path)")
      }
      let new = NewKey(
        role: role, label: context.flags[label], hostname: context.surroundings.hostname, file: file)
      let added = try access.repository.addKey(new, passphrase: try NewPassphrase.read(context, for: location))
      context.console.answer(
        added.isNew
          ? "\(location.path): Added \(role.rawValue) key \(added.id)"
          : "\(location.path): The passphrase opens \(role.rawValue) key \(added.id) already")
    }
  }
}
