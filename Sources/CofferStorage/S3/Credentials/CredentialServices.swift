import CofferHTTP
import CofferSystem

/// Asks services that hand out credentials.
struct CredentialServices {
  let userAgent: String

  /// Seconds that a service in the net has.
  static let patience = 20.0
  /// Seconds that one of the machine's own has: where there is none, nobody answers.
  static let ownPatience = 2.0

  private static let answerLimit = 256 << 10

  /// - Parameters:
  ///   - place: In a user's words.
  ///   - isOwn: Whether the service is the machine's own.
  /// - Throws: `S3CredentialError`, also for answers that do not say success; what was sent is not in it.
  func ask(
    _ request: HTTPRequest, _ place: String, isOwn: Bool, hiding secrets: [String] = [], _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> [UInt8] {
    var request = request
    request.usesProxies = !isOwn
    let answer: HTTPAnswer
    do throws(HTTPError) {
      let patience = HTTPPatience(total: isOwn ? Self.ownPatience : Self.patience)
      let connection = try HTTPConnection(userAgent: userAgent, patience: patience)
      answer = try connection.exchange(
        request, hiding: secrets, limit: Self.answerLimit, cancellation: cancellation)
    } catch {
      if case .cancelled = error {
        throw S3CredentialError(place, error.diagnosis.problem, isCancelled: true)
      }
      if case .unable(let reason) = error { throw S3CredentialError(place, reason) }
      throw S3CredentialError(
        place, "\(error.diagnosis.subject): \(error.diagnosis.problem)", suggestion: Self.advice(isOwn),
        isTransient: true)
    }
    guard answer.status == 200, !answer.isCut else {
      let hidden = RequestSecrets(urls: [], others: secrets + request.headers.map { $0[1] })
      let refusal = S3Refusal(answer)
      let words = [refusal.code, refusal.message].compactMap(\.self).joined(separator: ": ")
      throw S3CredentialError(
        place, "Answered with status \(answer.status)" + (words.isEmpty ? "" : ": \(hidden.masked(words))"),
        isTransient: refusal.isTransient)
    }
    return answer.body
  }

  private static func advice(_ isOwn: Bool) -> String? {
    guard isOwn else { return nil }
    return "Inside a container the machine's service must allow two hops (HttpPutResponseHopLimit 2)"
  }
}
