import CofferSystem

/// A configured command that failed.
public struct StepCommandError: DiagnosableError, Equatable {
  public let moment: StepCommand.Moment
  /// The line as configured.
  public let line: String
  public let status: ExitStatus
  /// The last lines that it printed.
  public let output: [String]

  /// Whether the command only says that the job is not to be done now: exit status 75, EX_TEMPFAIL.
  public var isSoft: Bool { status == .exited(75) }

  public var diagnosis: Diagnosis {
    let shown = String((line.lines().first ?? "").unicodeScalars.prefix(100))
    return Diagnosis(
      subject: "command \(moment.title)", problem: ClientFailure.problem("'\(shown)'", status, output),
      suggestion: "Run the command by hand. One that ends with status 75 skips the job without an error")
  }
}
