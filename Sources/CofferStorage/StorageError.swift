import CofferSystem

/// A failure of the place where the repository is kept; never of what is being backed up.
public enum StorageError: DiagnosableError, Equatable {
  /// The object is already there.
  case exists(ObjectName, location: String)
  /// Other bytes are there under the object's name.
  case occupied(ObjectName, location: String)
  /// Somebody has begun to put the object, and may be at it or have been killed. There is nothing to read yet.
  ///
  /// - Parameter path: Of what stands in the object's place.
  case reserved(ObjectName, location: String, path: String)
  /// The object is not there.
  case missing(ObjectName, location: String)
  /// The object is shorter than what was to be read of it.
  case truncated(ObjectName, location: String)
  /// The object is larger than any of its kind.
  case tooLarge(ObjectName, location: String, size: Int)
  /// The store has no room for the object.
  case full(ObjectName, location: String)
  /// The run was asked to stop before the call was done.
  case cancelled(location: String)
  /// Anything else.
  case failed(ObjectName?, location: String, StorageFailure)

  /// What a failure means for whoever made the call.
  public enum Kind: Sendable {
    /// The same call may succeed when it is made again; a put may have been done.
    case transient
    /// It will not.
    case permanent
    /// Whoever asks may not do this.
    case denied
    /// There is no room.
    case full
    /// There is no such object, or no place for objects.
    case missing
    /// The name is taken.
    case exists
    /// The run was asked to stop.
    case cancelled
  }

  public var kind: Kind {
    switch self {
    case .exists, .occupied: .exists
    case .reserved, .missing: .missing
    case .truncated, .tooLarge: .permanent
    case .full: .full
    case .cancelled: .cancelled
    case .failed(_, _, let failure): failure.kind.kind
    }
  }

  /// Seconds after which the server wants to be asked again; nil when it said nothing.
  var retryAfter: Double? {
    guard case .failed(_, _, let failure) = self else { return nil }
    return failure.retryAfter
  }

  public var diagnosis: Diagnosis {
    switch self {
    case .exists(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(name) exists already",
        suggestion: "Another run may be writing the same object; run the command again")
    case .occupied(let name, let location):
      Diagnosis(
        subject: "repository \(location)", problem: "Object \(name) is there already, with other bytes",
        suggestion: "Nothing was overwritten; run 'coffer check' to see whether what is there is damaged")
    case .reserved(let name, let location, let path):
      Diagnosis(
        subject: "repository \(location)",
        problem: "Object \(name) is being written, or was when a program was killed",
        suggestion: "If no program is at it, remove the empty file \(path)")
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
    case .cancelled(let location):
      Diagnosis(subject: "repository \(location)", problem: RunCancelled().diagnosis.problem)
    case .failed(let name, let location, let failure):
      Diagnosis(
        subject: "repository \(location)",
        problem: "\(failure.operation) failed\(name.map { " for object \($0)" } ?? ""): \(failure.reason)",
        suggestion: failure.suggestion)
    }
  }
}
