import CofferConfiguration
import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem
import Foundation

/// What the program is given of the machine it runs on.
public struct Surroundings: Sendable {
  public let environment: ProcessEnvironment
  public let clock: Clock
  public let random: RandomSource
  public let launcher: any ProcessLauncher
  public let secretKeeper: any SecretKeeper
  public let currentFolder: String
  public let hostname: String
  public let username: String
  public let processors: Int

  public init(
    environment: ProcessEnvironment, clock: Clock, random: RandomSource, launcher: any ProcessLauncher,
    secretKeeper: any SecretKeeper, currentFolder: String, hostname: String, username: String, processors: Int
  ) {
    self.environment = environment
    self.clock = clock
    self.random = random
    self.launcher = launcher
    self.secretKeeper = secretKeeper
    self.currentFolder = currentFolder
    self.hostname = hostname
    self.username = username
    self.processors = processors
  }

  /// The folder that relative paths of a configuration start from.
  func folder(for root: ConfigurationSection) -> String {
    root[GeneralOptions.workingDirectory] ?? currentFolder
  }

  /// This machine, as it is now.
  public static func current() -> Surroundings {
    let information = ProcessInfo.processInfo
    return Surroundings(
      environment: .current(), clock: .system, random: .system, launcher: SystemProcessLauncher(),
      secretKeeper: KernelKeyring(),
      currentFolder: FileManager.default.currentDirectoryPath, hostname: information.hostName,
      username: NSUserName(), processors: information.activeProcessorCount)
  }
}

/// What one action of one configuration file works with.
struct ActionContext: Sendable {
  let flags: FlagValues
  let globals: FlagValues
  let commandLine: [String]
  /// nil for actions that need none.
  let configuration: Configuration?
  /// Every file read for any configuration of the run: all of them are bundled.
  let configurationFiles: [String]
  /// Those that the action is to act on.
  let repositories: [RepositoryLocation]
  let surroundings: Surroundings
  let console: Console
  let cancellation: Cancellation
  let outcomes: Outcomes
  let collector: ReportCollector
  /// What was asked of credentials and commands so far.
  let secrets: SecretCache
  /// Told where the time goes; nil if nobody asks.
  let times: StageTimes?
  /// Whether the command line acts on other repositories, too, so that answers must say whose they are.
  let isOneOfSeveral: Bool

  var isDryRun: Bool { globals.contains(GlobalFlags.dryRun) }
  var wantsJSON: Bool { flags.contains(SharedFlags.json) }

  var root: ConfigurationSection { configuration?.root ?? ConfigurationSection() }

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

  /// Opens a repository with the passphrase that the configuration, the environment or the terminal gives.
  func open(_ location: RepositoryLocation) throws -> OpenRepository {
    let store = try location.store(surroundings, console)
    guard try Repository.header(in: store) != nil else {
      throw RepositoryError.notFound(location: location.path)
    }
    let repository = try Repository.open(
      in: store, passphrase: try passphrase(for: location, isNew: false),
      surroundings: location.surroundings(
        surroundings, console, unlockTimeout: root[GeneralOptions.unlockTimeout], times: times))
    return OpenRepository(location: location, repository: repository)
  }

  /// The folder that relative paths of the configuration start from.
  var folder: String { surroundings.folder(for: root) }

  /// What the configuration's credentials stand for.
  var credentials: CredentialResolver {
    CredentialResolver(root, surroundings, cache: secrets, cancellation: cancellation, console)
  }

  func passphrase(for location: RepositoryLocation, isNew: Bool) throws -> SecretBytes {
    let resolver = PassphraseResolver(
      launcher: surroundings.launcher, environment: surroundings.environment, credentials: credentials, cache: secrets)
    let options = configuration?.options(for: location.section)
    if let passphrase = try resolver.resolve(options) { return SecretBytes(passphrase: passphrase) }
    return try PassphrasePrompt(cancellation).ask(for: location.path, isNew: isNew)
  }
}

extension CredentialResolver {
  /// For what a configuration file holds.
  init(
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

/// Errors of several repositories or dumps, told together.
struct SeveralErrors: Error {
  let errors: [any Error]

  init(_ errors: [any Error]) {
    self.errors = errors.flatMap { ($0 as? SeveralErrors)?.errors ?? [$0] }
  }
}

/// An error of one repository among those that an action works on; the others are not affected.
struct RepositoryFailure: DiagnosableError {
  let location: RepositoryLocation
  let cause: any Error

  init(_ location: RepositoryLocation, _ cause: any Error) {
    self.location = location
    self.cause = cause
  }

  var diagnosis: Diagnosis { Program.diagnosis(of: cause) }
}

/// The JSON outcomes of a run: one array, one element for every configuration, repository and action.
final class Outcomes: Sendable {
  private let values = Monitor<[JSONValue]>([])

  func add(_ value: JSONValue) {
    values.update { $0.append(value) }
  }

  var all: [JSONValue] { values.update { $0 } }
}
