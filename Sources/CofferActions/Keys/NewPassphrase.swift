import CofferConfiguration
import CofferRepository
import CofferSystem

/// The passphrase that a key is to get: where it comes from.
enum NewPassphrase {
  static let passphrase = Flag<String?>(
    "--new-passphrase", value: "TEXT", isSecret: true,
    help: "The new passphrase, best as a credential ('{credential file /root/new}'): other users see what flags say.")
  static let passcommand = Flag<String?>(
    "--new-passcommand", value: "COMMAND", help: "A command that prints the new passphrase.")

  static let explanation = """
    The new passphrase comes from --new-passphrase, --new-passcommand, COFFER_NEW_PASSPHRASE or COFFER_NEW_PASSCOMMAND in \
    the environment, or is asked for twice at the terminal.
    """

  /// Nobody has said what it is.
  struct Missing: DiagnosableError, Equatable {
    let repository: String
    let isEmpty: Bool

    var diagnosis: Diagnosis {
      Diagnosis(
        subject: "repository \(repository)",
        problem: isEmpty ? "The new passphrase is empty" : "There is no new passphrase, and no terminal to ask at",
        suggestion: "Give it by --new-passphrase, --new-passcommand or COFFER_NEW_PASSPHRASE")
    }
  }

  /// - Throws: `Missing`; `ConfigurationError.passcommandFailed`; `CredentialError`; `RunCancelled`.
  static func read(_ context: ActionContext, for location: RepositoryLocation) throws -> SecretBytes {
    let given = try context.passphrases.resolveNew(context.flags[passphrase], command: context.flags[passcommand])
    if let given {
      guard !given.isEmpty else { throw Missing(repository: location.path, isEmpty: true) }
      return SecretBytes(passphrase: given)
    }
    guard TerminalQuestion.canAsk else { throw Missing(repository: location.path, isEmpty: false) }
    return try PassphrasePrompt(context.cancellation).ask(for: location.path, isNew: true, title: "New passphrase")
  }
}
