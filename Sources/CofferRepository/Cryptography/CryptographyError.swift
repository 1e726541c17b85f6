import COpenSSL
import CofferSystem

/// A cryptographic operation that did not succeed.
public enum CryptographyError: DiagnosableError, Equatable {
  /// The bytes are not what was sealed under this key.
  case authenticationFailed
  /// OpenSSL refused an operation; the code is its own.
  case library(operation: String, code: UInt)
  /// A parameter read from an object is out of bounds.
  case unacceptable(String)

  static func library(_ operation: String) -> CryptographyError {
    .library(operation: operation, code: UInt(ERR_get_error()))
  }

  public var diagnosis: Diagnosis {
    switch self {
    case .authenticationFailed:
      Diagnosis(subject: "encryption", problem: "Sealed data does not authenticate: it was changed or damaged")
    case .library(let operation, let code):
      Diagnosis(
        subject: "OpenSSL", problem: "\(operation) failed (code \(code))",
        suggestion: "Check that OpenSSL 3 is installed and whole")
    case .unacceptable(let what):
      Diagnosis(subject: "encryption", problem: "\(what) is out of bounds")
    }
  }
}
