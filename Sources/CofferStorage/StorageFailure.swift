import CofferSystem
import Glibc

/// Why a store did not do what it was asked.
public struct StorageFailure: Sendable, Equatable {
  /// Whether it is worth another try; the other kinds of `StorageError` have cases of their own.
  public enum Kind: Sendable {
    case transient, permanent, denied

    var kind: StorageError.Kind {
      switch self {
      case .transient: .transient
      case .permanent: .permanent
      case .denied: .denied
      }
    }
  }

  public let kind: Kind
  /// What was tried: a system call or a request.
  public let operation: String
  /// In the words of whoever refused it.
  public let reason: String
  /// What to do next.
  public let suggestion: String?
  /// Seconds after which whoever refused it wants to be asked again; nil when nothing was said.
  public let retryAfter: Double?

  public init(
    _ kind: Kind, _ operation: String, reason: String, suggestion: String? = nil, retryAfter: Double? = nil
  ) {
    self.kind = kind
    self.operation = operation
    self.reason = reason
    self.suggestion = suggestion
    self.retryAfter = retryAfter
  }

  public init(_ cause: SystemError) {
    self.init(
      Self.kind(of: cause.code), cause.call, reason: cause.reason, suggestion: cause.diagnosis.suggestion)
  }

  /// An object without bytes, which no store takes: an empty file in an object's place is how a put begins where the file
  /// system leaves no other way.
  public static let emptyObject = StorageFailure(.permanent, "put", reason: "an object cannot be empty")

  /// Of `errno`. What a network file system says while its server or the way to it is gone is worth another try; what a disk
  /// says is not.
  private static func kind(of code: Int32) -> Kind {
    switch code {
    case EACCES, EPERM, EROFS: .denied
    case EAGAIN, EINTR, EBUSY, EMFILE, ENFILE, ENOMEM, ETIMEDOUT, ECONNRESET, ECONNREFUSED, ECONNABORTED, ENETDOWN,
      ENETUNREACH, ENETRESET, EHOSTDOWN, EHOSTUNREACH, EPIPE:
      .transient
    default: .permanent
    }
  }
}
