import CofferSystem

/// A restore that was refused or given up; the database is then as it was.
public enum RestoreError: DiagnosableError, Equatable {
  case programFailed(DumpIdentity, program: String, status: ExitStatus, lines: [String])
  /// A check before the restore found that it cannot work.
  case refused(DumpIdentity, problem: String, suggestion: String?)

  public var identity: DumpIdentity {
    switch self {
    case .programFailed(let identity, _, _, _), .refused(let identity, _, _): identity
    }
  }

  public var diagnosis: Diagnosis {
    switch self {
    case .programFailed(let identity, let program, let status, let lines):
      Diagnosis(
        subject: identity.title,
        problem: "Not restored, the database is as it was: " + ClientFailure.problem(program, status, lines),
        suggestion: ClientFailure.suggestion(lines))
    case .refused(let identity, let problem, let suggestion):
      Diagnosis(subject: identity.title, problem: "Cannot be restored: \(problem)", suggestion: suggestion)
    }
  }
}
