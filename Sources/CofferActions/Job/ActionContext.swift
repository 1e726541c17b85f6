import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem

/// What one action of one configuration file works with. One object, for whatever an action makes holds it.
final class ActionContext: Sendable {
  let run: CommandRun
  let flags: FlagValues
  /// nil for actions that need none.
  let configuration: Configuration?
  /// Every file read for any configuration of the run: all of them are bundled.
  let configurationFiles: [String]
  /// Those that the action is to act on.
  let repositories: [RepositoryLocation]

  convenience init(
    _ run: CommandRun, _ invocation: ParsedCommandLine.Invocation, _ configuration: Configuration? = nil,
    files: [String] = [], repositories: [RepositoryLocation] = []
  ) {
    self.init(
      run, invocation.flags, configuration?.limited(to: invocation.action.readOptions), files: files,
      repositories: repositories)
  }

  private init(
    _ run: CommandRun, _ flags: FlagValues, _ configuration: Configuration?, files: [String],
    repositories: [RepositoryLocation]
  ) {
    self.run = run
    self.flags = flags
    self.configuration = configuration
    configurationFiles = files
    self.repositories = repositories
  }

  var surroundings: Surroundings { run.surroundings }
  var console: Console { run.console }
  var cancellation: Cancellation { run.cancellation }
  var isDryRun: Bool { run.isDryRun }
  var wantsJSON: Bool { flags.contains(SharedFlags.json) }

  var root: ConfigurationSection { configuration?.root ?? ConfigurationSection() }

  /// The same, for what is to be stopped by something else than the run.
  func stopping(by cancellation: Cancellation) -> ActionContext {
    ActionContext(
      run.stopping(by: cancellation), flags, configuration, files: configurationFiles, repositories: repositories)
  }

  /// Says what a partial archive should hold and does not.
  func tellMissing(from archive: Archive) {
    guard archive.isPartial else { return }
    console.warning(
      "Archive \(archive.name) is partial, without \(archive.draft.missingDumps.joined(separator: ", "))")
  }

  /// Makes a hook's view of the run, with a private runtime directory.
  func hookContext() throws -> HookContext {
    let environment = surroundings.environment
    let base = try RuntimeDirectory.base(
      configured: root[GeneralOptions.userRuntimeDirectory], environment: environment)
    return HookContext(
      launcher: surroundings.launcher, environment: environment, clock: surroundings.clock,
      cancellation: cancellation, runtime: try RuntimeDirectory(base: base), limits: DumpLimits(),
      workingDirectory: root[GeneralOptions.workingDirectory], credentials: credentials)
  }

  /// Calls `body` with every repository that the action is to act on. An error of one does not keep the next from its
  /// turn.
  func forEachRepository(_ body: (RepositoryLocation) throws -> Void) throws {
    var failures: [any Error] = []
    for location in repositories {
      do {
        try cancellation.check()
        try body(location)
      } catch let error as RunCancelled {
        throw error
      } catch {
        failures.append(error)
      }
    }
    if !failures.isEmpty { throw SeveralErrors(failures) }
  }

  /// Opens a repository with the passphrase that the configuration, the environment or the terminal gives. One that was
  /// mistyped may be typed again.
  ///
  /// - Parameters:
  ///   - forData: Whether much is going to be read of it: connections that this takes are begun at once.
  ///   - forBackup: Whether a backup is going to be made; so for the first one from this machine.
  ///   - retries: Whether what fails at a store elsewhere for a reason that may pass is tried again.
  func open(
    _ location: RepositoryLocation, forData: Bool = false, forBackup: Bool = false, retries: Bool = true
  ) throws -> OpenRepository {
    let store = run.counted(try location.store(self, retries: retries))
    let surroundings = repositorySurroundings(location)
    if forData || forBackup && !EarlierBackups(surroundings, location: store.location).areKnown {
      store.expectTransfer(of: .max)
    }
    let ahead = try StretchedAhead(of: store.location, surroundings) { try givenPassphrase(for: location) }
    let found = try FoundRepository(location, store, surroundings)
    if let passphrase = try givenPassphrase(for: location) { return try found.open(passphrase, ahead) }
    let prompt = PassphrasePrompt(cancellation)
    for _ in 1..<PassphrasePrompt.attempts {
      do {
        return try found.open(try prompt.ask(for: location.path, isNew: false))
      } catch RepositoryError.wrongPassphrase {
        TerminalQuestion.say("It opens no key of the repository; again.\n")
      }
    }
    return try found.open(try prompt.ask(for: location.path, isNew: false))
  }

  /// Looks once whether a repository answers.
  ///
  /// - Throws: `StorageError`; `RepositoryError.notFound`.
  func look(at location: RepositoryLocation) throws {
    _ = try FoundRepository(location, location.store(self, retries: false), repositorySurroundings(location))
  }

  /// Opens a repository with this passphrase and no other.
  func open(_ location: RepositoryLocation, with passphrase: SecretBytes) throws -> OpenRepository {
    try FoundRepository(location, try location.store(self), repositorySurroundings(location)).open(passphrase)
  }

  /// A repository before a passphrase opens it, and where it is.
  private struct FoundRepository {
    private let location: RepositoryLocation
    private let store: any ObjectStore
    private let surroundings: RepositorySurroundings
    private let locked: LockedRepository

    init(_ location: RepositoryLocation, _ store: any ObjectStore, _ surroundings: RepositorySurroundings) throws {
      guard let locked = try LockedRepository(in: store, surroundings) else {
        throw RepositoryError.notFound(location: location.path)
      }
      self.location = location
      self.store = store
      self.surroundings = surroundings
      self.locked = locked
    }

    func open(_ passphrase: SecretBytes, _ ahead: StretchedAhead? = nil) throws -> OpenRepository {
      OpenRepository(location: location, repository: try locked.open(passphrase, surroundings, ahead), store: store)
    }
  }

  /// What a repository is opened or made with.
  func repositorySurroundings(_ location: RepositoryLocation) -> RepositorySurroundings {
    location.surroundings(self, unlockTimeout: root[GeneralOptions.unlockTimeout], times: run.times)
  }

  /// The folder that relative paths of the configuration start from.
  var folder: String { surroundings.folder(for: root) }

  /// What the configuration's credentials stand for.
  var credentials: CredentialResolver {
    CredentialResolver(root, surroundings, cache: run.secrets, cancellation: cancellation, console)
  }

  /// The passphrase of a repository that is to be made.
  func newPassphrase(for location: RepositoryLocation) throws -> SecretBytes {
    try givenPassphrase(for: location) ?? PassphrasePrompt(cancellation).ask(for: location.path, isNew: true)
  }

  /// - Returns: nil when somebody has to be asked.
  private func givenPassphrase(for location: RepositoryLocation) throws -> SecretBytes? {
    try passphrases.resolve(configuration?.options(for: location.section)).map { SecretBytes(passphrase: $0) }
  }

  var passphrases: PassphraseResolver {
    PassphraseResolver(
      launcher: surroundings.launcher, environment: surroundings.environment, credentials: credentials,
      cache: run.secrets)
  }

  /// A path of the command line.
  func absolutePath(_ path: String) -> String {
    UserPath.absolute(path, from: surroundings.currentFolder, home: surroundings.environment.home)
  }
}

extension Surroundings {
  /// The folder that relative paths of a configuration start from.
  func folder(for root: ConfigurationSection) -> String {
    root[GeneralOptions.workingDirectory] ?? currentFolder
  }
}

extension CredentialResolver {
  /// For what a configuration file holds.
  convenience init(
    _ root: ConfigurationSection, _ surroundings: Surroundings, cache: SecretCache, cancellation: Cancellation,
    _ console: Console
  ) {
    let prompt = PassphrasePrompt(cancellation)
    self.init(
      environment: surroundings.environment, folder: surroundings.folder(for: root),
      launcher: surroundings.launcher, root: root, cache: cache, ask: { prompt.answer(to: $0) },
      warn: console.warning)
  }
}
