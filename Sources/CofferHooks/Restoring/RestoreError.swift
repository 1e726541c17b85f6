import CofferSystem

/// A restore that was refused or given up; the database is then as it was, unless it says otherwise.
public enum RestoreError: DiagnosableError, Equatable {
  case programFailed(DumpIdentity, program: String, status: ExitStatus, lines: [String])
  /// The program ended well, but without having run the dump to its end.
  case inputIgnored(DumpIdentity, program: String)
  /// The program failed after it had begun to replace what is there, and cannot take that back.
  case endedInPart(DumpIdentity, problem: String, suggestion: String?)
  /// What was restored has its place, but nobody knows whether it stays there.
  case notLasting(DumpIdentity, problem: String)
  /// The restore was given up, and what is there was looked at.
  case notRestored(DumpIdentity, standing: String, problem: String, suggestion: String?)
  /// A check before the restore found that it cannot work.
  case refused(DumpIdentity, problem: String, suggestion: String?)

  public var identity: DumpIdentity {
    switch self {
    case .programFailed(let identity, _, _, _), .inputIgnored(let identity, _), .endedInPart(let identity, _, _),
      .notLasting(let identity, _), .refused(let identity, _, _), .notRestored(let identity, _, _, _):
      identity
    }
  }

  public var diagnosis: Diagnosis {
    Diagnosis(subject: identity.restoreTitle, problem: "\(meaning): \(cause)", suggestion: suggestion)
  }

  /// What it means for the database.
  private var meaning: String {
    switch self {
    case .programFailed, .inputIgnored: "Not restored, the database is as it was"
    case .endedInPart: "Restored in part only"
    case .notLasting: "Restored, and the new database has its place, but after a power cut the old one may be back"
    case .notRestored(_, let standing, _, _): "Not restored, \(standing)"
    case .refused: "Cannot be restored"
    }
  }

  private var suggestion: String? {
    switch self {
    case .programFailed(let identity, _, _, let lines): identity.advice.suggestion(lines)
    case .inputIgnored: "A command that runs it elsewhere must pass its input on, for example 'docker exec -i'"
    case .endedInPart(_, _, let suggestion):
      suggestion ?? "Remove the cause and restore again: what is there is replaced"
    case .notLasting: "See what the system says of the disk (dmesg); when it works, restore again"
    case .notRestored(_, _, _, let suggestion), .refused(_, _, let suggestion): suggestion
    }
  }
}

extension RestoreError {
  /// What went wrong, without what that means for the database: for a text that says itself what is there.
  var cause: String {
    switch self {
    case .programFailed(_, let program, let status, let lines): ClientFailure.problem(program, status, lines)
    case .inputIgnored(_, let program): "\(program) ended without having read the whole dump"
    case .endedInPart(_, let problem, _), .notLasting(_, let problem), .notRestored(_, _, let problem, _),
      .refused(_, let problem, _):
      problem
    }
  }

  /// The same for errors of any kind.
  static func cause(of error: any Error) -> String {
    (error as? RestoreError)?.cause ?? (error as? any DiagnosableError)?.diagnosis.problem ?? "\(error)"
  }

  private static let shownTables = 20

  /// A table that is asked for and is not in the dump.
  ///
  /// - Parameter tables: Those that are.
  static func unknownTable(_ name: String, among tables: [String], _ identity: DumpIdentity) -> RestoreError {
    let few = tables.prefix(shownTables).map { Quoting.terminal($0) }.joined(separator: ", ")
    let rest = tables.count > shownTables ? " and \(tables.count - shownTables) more" : ""
    return .refused(
      identity, problem: "the dump has no table '\(Quoting.terminal(name))'",
      suggestion: "It has \(tables.isEmpty ? "no tables" : few)\(rest)")
  }
}
