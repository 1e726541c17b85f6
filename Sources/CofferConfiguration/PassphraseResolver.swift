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
      root?[GeneralOptions.encryptionPassphrase],
      command: root?[GeneralOptions.encryptionPasscommand].map { Command($0, source: "encryption_passcommand") },
      variables: "PASSPHRASE", "PASSCOMMAND")
  }

  /// Looks for a passphrase that a key is to get: what is given, then COFFER_NEW_PASSPHRASE, COFFER_NEW_PASSCOMMAND and
  /// BORG's of these names in the environment.
  ///
  /// - Returns: nil when none is set.
  /// - Throws: As `resolve`.
  public func resolveNew(_ passphrase: String?, command: String?) throws -> String? {
    try find(
      passphrase, command: try command.map { try Command($0, source: "--new-passcommand") },
      variables: "NEW_PASSPHRASE", "NEW_PASSCOMMAND")
  }

  /// A command that prints a passphrase.
  private struct Command {
    let words: CommandWords
    /// The option, flag or variable that names it.
    let source: String

    init(_ words: CommandWords, source: String) {
      self.words = words
      self.source = source
    }

    init(_ text: String, source: String) throws {
      guard let words = CommandWords(text) else {
        throw ConfigurationError.passcommandFailed(source, command: text, detail: "a quote is not closed")
      }
      self.init(words, source: source)
    }

    func failed(_ detail: String) -> ConfigurationError {
      .passcommandFailed(source, command: words.spelling, detail: detail)
    }
  }

  private func find(
    _ passphrase: String?, command: Command?, variables passphraseName: String, _ commandName: String
  ) throws -> String? {
    if let passphrase { return try credentials.value(passphrase) }
    if let command { return try run(command) }
    for brand in ["COFFER", "BORG"] {
      if let passphrase = environment["\(brand)_\(passphraseName)"] { return passphrase }
      let variable = "\(brand)_\(commandName)"
      if let text = environment[variable] { return try run(Command(text, source: variable)) }
    }
    return nil
  }

  private func run(_ command: Command) throws -> String {
    let words = command.words.words
    guard let program = words.first else { throw command.failed("it is empty") }
    return try cache.value(of: .command(words)) { () throws in
      try output(of: ChildCommand(program, Array(words.dropFirst()), environment: environment), command)
    }
  }

  private func output(of child: ChildCommand, _ command: Command) throws -> String {
    let result = try launcher.run(child)
    guard result.status.isSuccess else {
      throw command.failed(result.errorLines.last ?? "exit status \(result.status.code)")
    }
    var text = result.text
    while let rest = text.before(end: "\n") ?? text.before(end: "\r") { text = rest }
    guard !text.isEmpty else { throw command.failed("it printed nothing") }
    return text
  }
}
