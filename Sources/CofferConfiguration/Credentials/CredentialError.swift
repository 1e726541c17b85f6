import CofferSystem
import Glibc

/// A secret that could not be had.
public enum CredentialError: DiagnosableError, Equatable {
  case malformed(String, problem: String)
  /// - Parameter kind: As it was written; not shown, for it may be a secret.
  case unknownKind(String, kind: String)
  case unreadable(String, path: String, SystemError)
  /// Another user can change it.
  case untrusted(String, UntrustedPlace)
  case empty(String)
  /// The program that was asked for it failed.
  case failed(String, program: String, detail: String)
  /// What it is kept in wants a password, and nobody can be asked.
  case noTerminal(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let name, let problem):
      Diagnosis(
        subject: name, problem: "This is no credential: \(problem)",
        suggestion: "Write, for example, '{credential file /etc/secret}'")
    case .unknownKind(let name, let kind):
      Diagnosis(
        subject: name, problem: "It does not begin with a kind of credential that there is",
        suggestion: Self.suggestion(kind))
    case .unreadable(let name, let path, let cause) where cause.code == ETIMEDOUT:
      Diagnosis(
        subject: name, problem: "\(path) cannot be read: nothing came for \(FileReader.patience) seconds",
        suggestion: "Start what writes to it before, or name a file")
    case .unreadable(let name, let path, let cause):
      Diagnosis(
        subject: name, problem: "\(path) cannot be read: \(cause.reason)",
        suggestion: "Check the path and who may read it")
    case .untrusted(let name, let place):
      Diagnosis(subject: name, problem: "\(place.path): \(place.problem)", suggestion: place.suggestion)
    case .empty(let name):
      Diagnosis(subject: name, problem: "It holds no text", suggestion: "Put the secret there, alone")
    case .failed(let name, let program, let detail):
      Diagnosis(
        subject: name, problem: "\(program) gave no secret: \(detail)",
        suggestion: "Run it by hand, as the user and with the environment that Coffer has")
    case .noTerminal(let name):
      Diagnosis(
        subject: name, problem: "The database wants its password, and there is no terminal to ask on",
        suggestion: "Set 'ask_for_password: false' and a 'key_file' in 'keepassxc'")
    }
  }

  private static func suggestion(_ kind: String) -> String {
    let kinds = CredentialReference.Kind.allCases.map(\.rawValue)
    return NearestName.of(kind, among: kinds).map { "Did you mean '\($0)'?" }
      ?? "The kinds are: \(kinds.joined(separator: ", "))"
  }
}
