import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// Asks for a passphrase on the terminal, without showing it.
enum PassphrasePrompt {
  /// - Parameter isNew: Whether it is asked for twice.
  /// - Throws: `ConfigurationError.noPassphrase` when there is no terminal: a job in cron must not wait for one.
  static func ask(for repository: String, isNew: Bool) throws -> SecretBytes {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
      throw ConfigurationError.noPassphrase(repository: repository)
    }
    while true {
      let first = try line("Passphrase for \(repository): ", repository)
      guard isNew else { return SecretBytes(passphrase: first) }
      if first.isEmpty {
        say("It must not be empty.\n")
      } else if try line("Once more: ", repository) == first {
        return SecretBytes(passphrase: first)
      } else {
        say("They differ; again.\n")
      }
    }
  }

  /// Asks for one line; nil when there is no terminal.
  static func answer(to prompt: String) -> String? {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return nil }
    return try? line(prompt, "")
  }

  private static func line(_ prompt: String, _ repository: String) throws -> String {
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else {
      throw ConfigurationError.noPassphrase(repository: repository)
    }
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
      say("\n")
    }
    say(prompt)
    guard let text = readLine() else { throw ConfigurationError.noPassphrase(repository: repository) }
    return text
  }

  private static func say(_ text: String) {
    let text = Quoting.terminal(text, keepingLines: true)
    _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
