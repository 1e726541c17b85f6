import CofferConfiguration
import CofferRepository
import CofferSystem

/// Asks for a passphrase on the terminal, without showing it.
struct PassphrasePrompt {
  private let question: TerminalQuestion

  /// How often one that opens nothing may be typed.
  static let attempts = 3

  init(_ cancellation: Cancellation) {
    question = TerminalQuestion(cancellation)
  }

  /// - Parameters:
  ///   - isNew: Whether it is asked for twice.
  ///   - title: What is asked for.
  /// - Throws: `ConfigurationError.noPassphrase` when there is no terminal; `RunCancelled`; `SystemError`.
  func ask(for repository: String, isNew: Bool, title: String = "Passphrase") throws -> SecretBytes {
    while true {
      let first = try line("\(title) for \(Quoting.terminal(repository)): ", repository)
      guard isNew else { return SecretBytes(passphrase: first) }
      if first.isEmpty {
        TerminalQuestion.say("It must not be empty.\n")
      } else if try line("Once more: ", repository).isSame(as: first) {
        return SecretBytes(passphrase: first)
      } else {
        TerminalQuestion.say("They differ; again.\n")
      }
    }
  }

  /// Asks for one line; nil when there is no terminal, or the run was stopped.
  func answer(to prompt: String) -> String? {
    do { return try question.line(prompt, isSecret: true) } catch { return nil }
  }

  private func line(_ prompt: String, _ repository: String) throws -> String {
    guard let line = try question.line(prompt, isSecret: true) else {
      throw ConfigurationError.noPassphrase(repository: repository)
    }
    return line
  }
}
