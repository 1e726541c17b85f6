import CofferConfiguration
import CofferSystem
import FoundationEssentials

/// What a hook may use of the world.
public struct HookContext: Sendable {
  /// What is the same for all of a run, in one object: each dump and restore holds it.
  private final class World: Sendable {
    let launcher: any ProcessLauncher
    let environment: ProcessEnvironment
    let clock: Clock
    let runtime: RuntimeDirectory
    let workingDirectory: String?
    let credentials: CredentialResolver
    let restored = RestoredDatabases()
    let versions = ProgramVersions()
    let optionFiles = MariaDBOptionFiles()

    init(
      _ launcher: any ProcessLauncher, _ environment: ProcessEnvironment, _ clock: Clock, _ runtime: RuntimeDirectory,
      _ workingDirectory: String?, _ credentials: CredentialResolver
    ) {
      self.launcher = launcher
      self.environment = environment
      self.clock = clock
      self.runtime = runtime
      self.workingDirectory = workingDirectory
      self.credentials = credentials
    }
  }

  private let world: World
  public var cancellation: Cancellation
  public var limits: DumpLimits
  /// This program, for what is done in a process of its own.
  public var ownProgram: String

  public var launcher: any ProcessLauncher { world.launcher }
  /// What children inherit: the program's own environment without the repository's passphrases.
  public var environment: ProcessEnvironment { world.environment }
  public var clock: Clock { world.clock }
  public var runtime: RuntimeDirectory { world.runtime }
  public var workingDirectory: String? { world.workingDirectory }
  public var credentials: CredentialResolver { world.credentials }
  var restored: RestoredDatabases { world.restored }
  var versions: ProgramVersions { world.versions }
  var optionFiles: MariaDBOptionFiles { world.optionFiles }

  public init(
    launcher: any ProcessLauncher, environment: ProcessEnvironment, clock: Clock, cancellation: Cancellation,
    runtime: RuntimeDirectory, limits: DumpLimits, workingDirectory: String? = nil,
    credentials: CredentialResolver, ownProgram: String = OwnProgram.path
  ) {
    world = World(launcher, environment.withoutPassphrases, clock, runtime, workingDirectory, credentials)
    self.cancellation = cancellation
    self.limits = limits
    self.ownProgram = ownProgram
  }

  /// A path of the configuration: from where the run is, or from the user's home.
  func absolute(_ path: String) -> String {
    UserPath.absolute(
      path, from: workingDirectory ?? FileManager.default.currentDirectoryPath, home: environment.home)
  }
}

/// How long a dump may take, in seconds; nil for as long as it likes.
public struct DumpLimits: Sendable, Equatable {
  /// Without writing a byte.
  public var stall: Double?
  /// Altogether.
  public var total: Double?

  public init(stall: Double? = 600, total: Double? = nil) {
    self.stall = stall
    self.total = total
  }
}
