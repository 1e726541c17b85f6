import CofferSystem

/// Why a part of a log is not stored, or cannot be given back.
public enum LogError: DiagnosableError, Equatable {
  /// Other bytes are stored in the place.
  case conflict(segment: String, location: String)
  /// A segment is not there, and nothing behind it is.
  case missing(segment: String, location: String)
  /// A segment is not there, and others behind it are.
  case gap(segment: String, location: String)
  /// Several write-only keys have put log of the server, or one that has been removed, and the user has not said whose counts.
  case undecidedSigner(segment: String, keys: [String], location: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .conflict(let segment, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "\(segment) is stored already, with other bytes: this one was not stored",
        suggestion:
          "Two servers may have one identity, as a copy has that was started beside its original: give one of them "
          + "another repository")
    case .missing(let segment, let location):
      Diagnosis(subject: "repository \(location)", problem: "\(segment) is not there, nor anything behind it")
    case .gap(let segment, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem:
          "\(segment) is missing in the log, and there are segments behind it: nothing behind the gap can be reached "
          + "from here",
        suggestion:
          "Bring the segment back, from the server's pg_wal for example, or begin with a base backup made behind the "
          + "gap; --end-at-gap ends the recovery here")
    case .undecidedSigner(let segment, let keys, let location):
      Diagnosis(
        subject: "repository \(location)",
        problem: "\(segment) was put by write-only keys of which it is not known whose log counts: "
          + keys.joined(separator: ", "),
        suggestion: "See with 'coffer key list' whose they are, and name the server's own with --signer")
    }
  }
}
