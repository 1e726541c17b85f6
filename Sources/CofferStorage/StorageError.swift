import CofferSystem

/// A failure of the place where the repository is kept; never of what is being backed up.
public enum StorageError: DiagnosableError, Equatable {
  /// The object is already there.
  case exists(ObjectName, location: String)
  /// The object is not there.
  case missing(ObjectName, location: String)
  /// The object is shorter than what was to be read of it.
  case truncated(ObjectName, location: String)
  /// The object is larger than any of its kind.
  case tooLarge(ObjectName, location: String, size: Int)
  /// The store has no room for the object.
  case full(ObjectName, location: String)
  /// The system refused an operation.
  case failed(ObjectName?, location: String, cause: SystemError)

  public var diagnosis: Diagnosis {
    switch self {
    case .exists(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(name) exists already",
        suggestion: "Another run may be writing the same object; run the command again")
    case .missing(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(name) is missing",
        suggestion: "Run 'coffer check' to see what else is affected")
    case .truncated(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(name) is shorter than it should be",
        suggestion: "Run 'coffer check' to see what else is affected")
    case .tooLarge(let name, let location, let size):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Object \(name) has \(size) bytes, more than any of its kind; it is not read",
        suggestion: "Run 'coffer check' to see what else is affected")
    case .full(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "No space left to store \(name)",
        suggestion: "Free some space there, then run the command again; what was stored so far is reused")
    case .failed(let name, let location, let cause):
      Diagnosis(
        subject: "repository \(location)",
        problem: "\(cause.call) failed\(name.map { " for object \($0)" } ?? ""): \(cause.reason)",
        suggestion: cause.diagnosis.suggestion)
    }
  }
}
