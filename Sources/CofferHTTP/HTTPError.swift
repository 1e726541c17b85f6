import CofferSystem

/// A request without success. URLs are not shown: those of monitoring services are secrets.
public enum HTTPError: DiagnosableError, Equatable {
  case unreachable(server: String, reason: String)
  /// No server can be asked from here, as long as the machine is as it is.
  case unable(reason: String)
  /// The server did not prove that it is the one that is meant, or could not be proven to be.
  case untrusted(server: String, reason: String)
  /// The server leads elsewhere, to where the request was not meant.
  case redirected(server: String, to: String)
  case refused(server: String, status: Int, answer: String)
  /// The server took the request, but its answer says that it did not do what was asked.
  case failed(server: String, answer: String)
  /// The run was asked to stop.
  case cancelled(server: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .unreachable(let server, let reason), .untrusted(let server, let reason):
      Diagnosis(subject: server, problem: "Not reached: \(reason)")
    case .unable(let reason):
      Diagnosis(subject: "HTTP", problem: reason)
    case .redirected(let server, let target):
      Diagnosis(
        subject: server, problem: "It redirects to another server, \(target), which was sent nothing",
        suggestion: "If that is the right one, write its address into the configuration")
    case .refused(let server, let status, let answer):
      Diagnosis(subject: server, problem: "Answered with status \(status)" + (answer.isEmpty ? "" : ": \(answer)"))
    case .failed(let server, let answer):
      Diagnosis(subject: server, problem: "Did not take it: \(answer)")
    case .cancelled(let server):
      Diagnosis(subject: server, problem: RunCancelled().diagnosis.problem)
    }
  }

  /// Scheme, host and port of a URL, without the user and the path.
  package static func server(of url: String) -> String {
    let parts = url.parts(by: "://", limit: 2)
    guard parts.count == 2 else { return "server" }
    let authority = String(decoding: parts[1].utf8.prefix { !"/?#\\".utf8.contains($0) }, as: UTF8.self)
    return Quoting.terminal("\(parts[0])://" + (authority.parts(by: "@").last ?? ""))
  }

  /// The beginning of an answer, on one line.
  package static func excerpt(_ bytes: [UInt8]) -> String {
    let words = String(decoding: bytes.prefix(400), as: UTF8.self).words.joined(separator: " ")
    return Quoting.terminal(String(words.unicodeScalars.prefix(200)))
  }
}
