import CofferSystem
import Foundation

@testable import CofferActions

/// A folder with a configuration and a repository, for programs that know more than the one that ships.
struct ProgramGround {
  struct Nowhere: SecretKeeper {
    func secret(named name: String) -> [UInt8]? { nil }
    func keep(_ secret: [UInt8], named name: String, seconds: Int) {}
  }

  /// Keeps opened keys for a test that runs the program often: making a key of the passphrase takes long on purpose.
  final class Memory: SecretKeeper {
    private let secrets = Monitor<[String: [UInt8]]>([:])

    func secret(named name: String) -> [UInt8]? { secrets.update { $0[name] } }

    func keep(_ secret: [UInt8], named name: String, seconds: Int) { secrets.update { $0[name] = secret } }
  }

  let folder: String
  private let keeper: any SecretKeeper
  private let unlockTimeout: Int

  /// - Parameter remembersKeys: Whether the passphrase's key is made once only.
  init(_ name: String, remembersKeys: Bool = false) throws {
    keeper = remembersKeys ? Memory() : Nowhere()
    unlockTimeout = remembersKeys ? 900 : 0
    folder = NSTemporaryDirectory() + "coffer-\(name)-\(UUID().uuidString)"
    for part in ["", "/runtime"] {
      try FileManager.default.createDirectory(atPath: folder + part, withIntermediateDirectories: true)
      chmod(folder + part, 0o700)
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
    try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    chmod("\(folder)/\(name)", mode)
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }

  /// Writes the configuration: a repository, and these lines.
  func configure(_ lines: String) throws {
    try write(
      "config.yaml",
      """
      repositories: [{path: \(folder)/repository}]
      user_runtime_directory: \(folder)/runtime
      encryption_passphrase: correct horse
      unlock_timeout: \(unlockTimeout)
      \(lines)
      """)
  }

  /// Runs a program.
  ///
  /// - Returns: The exit code, and what was said on both outputs.
  func coffer(
    _ arguments: [String], clock: Clock = .system, hostname: String = "here",
    _ make: (Surroundings, Cancellation, StandardOutput) -> Program = {
      Program(surroundings: $0, cancellation: $1, output: $2)
    }
  ) throws -> (code: Int32, said: String) {
    signal(SIGPIPE, SIG_IGN)
    let path = "\(folder)/said-\(UUID().uuidString)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    defer { close(descriptor) }
    let surroundings = Surroundings(
      environment: ProcessEnvironment(["HOME": folder, "PATH": "/usr/bin:/bin"]), clock: clock, random: .system,
      launcher: SystemProcessLauncher(), secretKeeper: keeper, currentFolder: folder, hostname: hostname,
      username: "me", processors: 2)
    let program = make(surroundings, try Cancellation(), StandardOutput(descriptor: descriptor, errors: descriptor))
    let code = program.execute(["--config", "\(folder)/config.yaml"] + arguments)
    return (code, try String(contentsOfFile: path, encoding: .utf8))
  }
}
