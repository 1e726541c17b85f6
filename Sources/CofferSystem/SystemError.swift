import Glibc

/// A system call that failed, with what it was applied to.
public struct SystemError: DiagnosableError, Equatable {
  /// The system call's name, for example `open`.
  public let call: String
  /// The path or object the call was applied to.
  public let subject: String
  /// The value of `errno`.
  public let code: Int32

  public init(call: String, subject: String, code: Int32 = errno) {
    self.call = call
    self.subject = subject
    self.code = code
  }

  /// The system's own words for the error code.
  public var reason: String { String(cString: strerror(code)) }

  public var diagnosis: Diagnosis {
    Diagnosis(subject: subject, problem: "\(call) failed: \(reason)", suggestion: suggestion)
  }

  /// Whether the machine or the user's limits have too little of something, so that it is no fault of the subject's.
  public var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }

  private var suggestion: String? {
    switch code {
    case ENOSPC, EDQUOT: "Free some space there, then run the command again"
    case EACCES, EPERM: "Check the owner and the permissions of the path and of the folders above it"
    case ENOENT: "Check the spelling of the path"
    case EMFILE, ENFILE: "Raise the limit of open files (ulimit -n)"
    case EAGAIN, ENOMEM:
      "Give this user more processes (ulimit -u, TasksMax=, a container's limit) or memory, or run less at the same time"
    case EROFS: "The file system is mounted read-only; remount it or choose another place"
    default: nil
    }
  }
}
