import CofferSystem

/// Finds a repository's passphrase without asking anybody.
public struct PassphraseResolver: Sendable {
  private let launcher: any ProcessLauncher
  private let environment: ProcessEnvironment
  private let credentials: CredentialResolver
  private let cache: SecretCache

  /// - Parameter cache: Keeps what commands print: each is run once.
  public init(
    launcher: any ProcessLauncher, environment: ProcessEnvironment, credentials: CredentialResolver,
    cache: SecretCache = SecretCache()
  ) {
    self.launcher = launcher
    self.environment = environment
    self.credentials = credentials
    self.cache = cache
  }

  /// Looks at `encryption_passphrase`, `encryption_passcommand`, then COFFER_PASSPHRASE, COFFER_PASSCOMMAND,
  /// BORG_PASSPHRASE and BORG_PASSCOMMAND in the environment.
  ///
  /// - Parameter root: nil when there is no configuration.
  /// - Returns: nil when none is set.
  /// - Throws: `ConfigurationError.passcommandFailed`; `CredentialError`; `LaunchError`.
  public func resolve(_ root: ConfigurationSection?) throws -> String? {
    try find(
      root?[GeneralOptions.encryptionPassphrase], command: root?[GeneralOptions.encryptionPasscommand],
      variables: "PASSPHRASE", "PASSCOMMAND")
  }

  /// Looks for a passphrase that a key is to get: what is given, then COFFER_NEW_PASSPHRASE, COFFER_NEW_PASSCOMMAND and
  /// BORG's of these names in the environment.
  ///
  /// - Returns: nil when none is set.
  /// - Throws: As `resolve`.
  public func resolveNew(_ passphrase: String?, command: String?) throws -> String? {
    try find(passphrase, command: try command.map(words), variables: "NEW_PASSPHRASE", "NEW_PASSCOMMAND")
  }

  private func words(_ text: String) throws -> CommandWords {
    guard let command = CommandWords(text) else {
      throw ConfigurationError.passcommandFailed(command: text, detail: "a quote is not closed")
    }
    return command
  }

  private func find(
    _ passphrase: String?, command: CommandWords?, variables passphraseName: String, _ commandName: String
  ) throws -> String? {
    if let passphrase { return try credentials.value(passphrase) }
    if let command { return try run(command) }
    for brand in ["COFFER", "BORG"] {
      if let passphrase = environment["\(brand)_\(passphraseName)"] { return passphrase }
      if let text = environment["\(brand)_\(commandName)"] {
        return try run(words(text))
      }
    }
    return nil
  }

  private func run(_ command: CommandWords) throws -> String {
    guard let program = command.words.first else {
      throw ConfigurationError.passcommandFailed(command: command.spelling, detail: "it is empty")
    }
    return try cache.value(of: .command(command.words)) { () throws in
      try output(
        of: ChildCommand(program, Array(command.words.dropFirst()), environment: environment), command.spelling)
    }
  }

  private func output(of child: ChildCommand, _ command: String) throws -> String {
    let result = try launcher.run(child)
    guard result.status.isSuccess else {
      throw ConfigurationError.passcommandFailed(
        command: command, detail: result.errorLines.last ?? "exit status \(result.status.code)")
    }
    var text = result.text
    while let rest = text.before(end: "\n") ?? text.before(end: "\r") { text = rest }
    guard !text.isEmpty else {
      throw ConfigurationError.passcommandFailed(command: command, detail: "it printed nothing")
    }
    return text
  }
}
