import CofferSystem

/// Finds a repository's passphrase without asking anybody.
public struct PassphraseResolver: Sendable {
  private let launcher: any ProcessLauncher
  private let environment: ProcessEnvironment

  public init(launcher: any ProcessLauncher, environment: ProcessEnvironment) {
    self.launcher = launcher
    self.environment = environment
  }

  /// Looks at `encryption_passphrase`, `encryption_passcommand`, then COFFER_PASSPHRASE, COFFER_PASSCOMMAND,
  /// BORG_PASSPHRASE and BORG_PASSCOMMAND in the environment.
  ///
  /// - Parameter root: nil when there is no configuration.
  /// - Returns: nil when none is set.
  /// - Throws: `ConfigurationError.passcommandFailed`; `LaunchError`.
  public func resolve(_ root: ConfigurationSection?) throws -> String? {
    if let passphrase = root?[GeneralOptions.encryptionPassphrase] { return passphrase }
    if let command = root?[GeneralOptions.encryptionPasscommand] { return try run(command) }
    for brand in ["COFFER", "BORG"] {
      if let passphrase = environment["\(brand)_PASSPHRASE"] { return passphrase }
      if let command = environment["\(brand)_PASSCOMMAND"] { return try run(command) }
    }
    return nil
  }

  private func run(_ command: String) throws -> String {
    guard let words = try? ShellWords.split(command), let program = words.first else {
      throw ConfigurationError.passcommandFailed(command: command, detail: "a quote is not closed, or it is empty")
    }
    let result = try launcher.run(
      ChildCommand(program, Array(words.dropFirst()), environment: environment))
    guard result.status.isSuccess else {
      throw ConfigurationError.passcommandFailed(
        command: command, detail: result.errorLines.last ?? "exit status \(result.status.code)")
    }
    var text = result.text
    while text.last?.isNewline == true { text.removeLast() }
    guard !text.isEmpty else {
      throw ConfigurationError.passcommandFailed(command: command, detail: "it printed nothing")
    }
    return text
  }
}
