import CofferConfiguration
import CofferRepository
import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// `repo-create`: makes the configured repositories.
enum RepoCreateAction {
  private static let encryption = Flag<RepositoryEncryption?>(
    "--encryption", "-e", value: "MODE", .option,
    help:
      "repokey: the key is kept in the repository. keyfile: in a file on this machine. Both wrapped by the passphrase.")
  private static let makeParents = Flag<Bool>("--make-parent-dirs", help: "Make the folders above the repository, too.")

  static let declaration = ActionDeclaration(
    "repo-create", "rcreate", "-I", abstract: "Create the configured repositories.",
    discussion: """
      Nothing happens to a repository that exists with the same mode. The passphrase comes from \
      encryption_passphrase, encryption_passcommand, COFFER_PASSPHRASE, or is asked for. Without it, what is backed up \
      cannot be read by anybody: keep a copy elsewhere.
      """,
    flags: [encryption, makeParents, SharedFlags.repository],
    examples: ["coffer repo-create --encryption repokey"], options: [RepositoryEntryOptions.schema], run: run)

  private static func run(_ context: ActionContext) throws {
    try context.forEachRepository { location in
      let mode = try mode(context, location)
      let store = try location.store(context)
      if let existing = try Repository.header(in: store, cancellation: context.cancellation) {
        guard existing.mode == mode else {
          throw RepositoryError.differentMode(location: location.path, existing: existing.mode, requested: mode)
        }
        return context.console.remark("\(location.path): The repository exists already")
      }
      guard !context.isDryRun else {
        return context.console.answer("Would create repository \(location.path) (\(mode.rawValue))")
      }
      if let folder = location.folder(context) {
        try checkParent(of: folder, isMade: context.flags.contains(makeParents) || location.makesParents)
      }
      do {
        let repository = try Repository.create(
          in: store, options: CreationOptions(mode: mode, hostname: context.surroundings.hostname),
          passphrase: try context.newPassphrase(for: location),
          surroundings: context.repositorySurroundings(location))
        context.console.remark("\(location.path): Created repository \(repository.header.id) (\(mode.rawValue))")
        for shortcoming in store.abilities.shortcomings {
          context.console.warning("\(location.path): \(shortcoming)")
        }
        for line in whatToKeep(repository) { context.console.answer("\(location.path): \(line)") }
      } catch StorageError.exists {
        context.console.warning("\(location.path): Another program has made the repository at the same moment")
      }
    }
  }

  private static func whatToKeep(_ repository: Repository) -> [String] {
    let print = "'coffer key export --qr-html --path key.html' makes a page to print"
    guard let file = repository.keyFilePath else {
      return [
        "Keep the passphrase at a second place: without it nobody can read the backups, and nobody can replace it",
        "Keep the key, too, for the day on which the repository's keys/ is lost: \(print)",
      ]
    }
    return [
      "Keep the passphrase at a second place, and a copy of \(file): without both nobody can read the backups",
      "Whoever has only one of them has nothing, so keep them apart: \(print) of the key",
    ]
  }

  private static func mode(_ context: ActionContext, _ location: RepositoryLocation) throws -> EncryptionMode {
    switch context.flags[encryption] ?? location.encryption {
    case .repokey: return .repokey
    case .keyfile: return .keyfile
    case nil:
      throw UsageError(
        argument: encryption.name, problem: "The mode is missing for repository \(location.path)",
        suggestion: "Write '--encryption repokey'")
    }
  }

  private static func checkParent(of path: String, isMade: Bool) throws {
    let parent = UserPath.parent(of: path)
    guard access(parent, F_OK) != 0 else { return }
    guard isMade else {
      throw UsageError(
        argument: path, problem: "The folder \(parent) does not exist",
        suggestion: "Make it (is the disk mounted?), or add --make-parent-dirs")
    }
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
  }
}
