import FoundationEssentials
import Glibc

/// What the program is given of the machine it runs on.
public final class Surroundings: Sendable {
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

  /// This machine, as it is now.
  public static func current(random: RandomSource) -> Surroundings {
    return Surroundings(
      environment: .current(), clock: .system, random: random, launcher: SystemProcessLauncher(),
      secretKeeper: KernelKeyring(),
      currentFolder: FileManager.default.currentDirectoryPath, hostname: machineName(),
      username: UserAccount.name, processors: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}
