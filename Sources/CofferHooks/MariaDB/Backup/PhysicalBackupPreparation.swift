import CofferSystem

/// Makes a data directory of the files of a physical backup, which are of many moments, by the log that is among them.
public struct PhysicalBackupPreparation {
  private let launcher: any ProcessLauncher
  private let cancellation: Cancellation
  /// Runs mariadb-backup with arguments, as whom the files belong to.
  private let command: ([String]) -> ChildCommand

  /// Seconds: the replay of all that was written while the backup was made.
  private static let patience: Double = 24 * 3600

  /// - Parameters:
  ///   - words: mariadb-backup, maybe with arguments.
  ///   - owner: Whose the files are.
  public init(_ words: [String], as owner: ServerOwner?, _ context: HookContext) {
    let environment = context.environment
    launcher = context.launcher
    cancellation = context.cancellation
    command = { arguments in
      ServerOwner.command(words + arguments, as: owner, environment).installed(by: MariaDBFailure.installations)
    }
  }

  /// As the servers of a drill run.
  ///
  /// - Parameter program: mariadb-backup's file.
  init(_ ground: DrillGround, _ program: String) {
    launcher = ground.context.launcher
    cancellation = ground.context.cancellation
    command = { ground.command(program, $0) }
  }

  /// Which version of the program there is.
  ///
  /// - Throws: `PreparationError`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func version() throws -> String {
    let result = try launcher.run(command(["--version"]), cancellation: cancellation)
    // It says that where errors are said: 'mariadb-backup based on MariaDB server 10.11.4-MariaDB debian-linux-gnu (x86_64)'.
    let words = (result.text.lines() + result.errorLines).first { $0.holds("MariaDB server") }?.words ?? []
    guard let place = words.firstIndex(where: { $0.isSame(as: "server") }), place + 1 < words.count else {
      throw PreparationError.unusable(result.errorLines)
    }
    return words[place + 1].parts(by: "-")[0]
  }

  /// That the program is of the server's series: no other one knows its files well enough.
  ///
  /// - Parameter version: The server's, as it was backed up.
  /// - Throws: As `version`.
  public func check(for version: String) throws {
    let installed = try self.version()
    guard ServerRelease(installed) == ServerRelease(version) else {
      throw PreparationError.otherVersion(installed: installed, wanted: version)
    }
  }

  /// - Throws: `PreparationError`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func run(_ directory: String) throws {
    let result = try launcher.run(
      command(["--prepare", "--target-dir=\(directory)"]), seconds: Self.patience, cancellation: cancellation)
    guard result.status.isSuccess, result.errorLines.last?.holds(PhysicalBackupStream.confirmation) ?? false else {
      throw PreparationError.failed(result.errorLines)
    }
  }
}

/// Why a physical backup does not become a data directory.
public enum PreparationError: DiagnosableError, Equatable {
  /// The program cannot be run.
  case unusable([String])
  case otherVersion(installed: String, wanted: String)
  case failed([String])

  public var diagnosis: Diagnosis {
    let subject = "mariadb-backup --prepare"
    func told(_ lines: [String]) -> String {
      lines.isEmpty ? "it said nothing" : Quoting.terminal(lines.suffix(4).joined(separator: " / "))
    }
    return switch self {
    case .unusable(let lines):
      Diagnosis(
        subject: subject, problem: "It cannot be run here: \(told(lines))",
        suggestion: "On Debian: apt-get install mariadb-backup")
    case .otherVersion(let installed, let wanted):
      Diagnosis(
        subject: subject,
        problem:
          "The backup is of a server of version \(Quoting.terminal(wanted)), and mariadb-backup of \(Quoting.terminal(installed)) is installed",
        suggestion:
          "Install the server's own series of it, or name it with mariadb_backup_command of the server's entry")
    case .failed(let lines):
      Diagnosis(
        subject: subject,
        problem: "It failed: \(told(lines))",
        suggestion: "Use another archive, if it is not a matter of room or rights here")
    }
  }
}
