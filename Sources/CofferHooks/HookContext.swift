import CofferConfiguration
import CofferSystem

/// What a hook may use of the world.
public struct HookContext: Sendable {
  public let launcher: any ProcessLauncher
  /// What children inherit: the program's own environment without the repository's passphrases.
  public let environment: ProcessEnvironment
  public let clock: Clock
  public var cancellation: Cancellation
  public let runtime: RuntimeDirectory
  public var limits: DumpLimits
  public let workingDirectory: String?
  public let credentials: CredentialResolver
  /// This program, for what is done in a process of its own.
  public var ownProgram: String
  let restored = RestoredDatabases()
  let versions = ProgramVersions()

  public init(
    launcher: any ProcessLauncher, environment: ProcessEnvironment, clock: Clock, cancellation: Cancellation,
    runtime: RuntimeDirectory, limits: DumpLimits, workingDirectory: String? = nil,
    credentials: CredentialResolver, ownProgram: String = OwnProgram.path
  ) {
    self.launcher = launcher
    self.environment = environment.withoutPassphrases
    self.clock = clock
    self.cancellation = cancellation
    self.runtime = runtime
    self.limits = limits
    self.workingDirectory = workingDirectory
    self.credentials = credentials
    self.ownProgram = ownProgram
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
