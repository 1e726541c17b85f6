import COpenSSL
import CofferSystem

/// OpenSSL's libcrypto, which is opened when it is needed.
public enum OpenSSLLibrary {
  /// It is not there, or not the one that it should be.
  public struct Missing: DiagnosableError, Equatable {
    public let reason: String

    public var diagnosis: Diagnosis {
      Diagnosis(subject: "OpenSSL", problem: reason, suggestion: "Install OpenSSL 3, and run it again")
    }
  }

  /// Opens it, unless it is open. To be called before anything else that calls it, which would end the program where it is missing.
  public static func open() throws(Missing) {
    if let problem = coffer_openssl_problem() { throw Missing(reason: String(cString: problem)) }
  }
}
