import CofferHTTP
import CofferSystem
import Glibc

/// A role that is taken on at AWS's token service
/// (https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html).
struct RoleCredentials {
  let role: String
  let sessionName: String
  var externalID: String?
  var seconds: String?
  /// The service, as `https://host`.
  let server: S3Server
  let region: String
  let services: CredentialServices
  let clock: Clock

  private var place: String { "role \(role)" }

  /// By credentials that may take it on.
  func assumed(by base: S3Credentials, _ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
    var fields = fields("AssumeRole")
    if let externalID { fields.append(("ExternalId", externalID)) }
    let body = Array(RequestSignature.canonicalQuery(fields).utf8)
    let signature = RequestSignature(
      credentials: base, region: region, service: "sts", time: clock.now(), paths: .resolved, encodesPathsTwice: true)
    let hash = body.withUnsafeBytes { Digests.hexadecimal(Digests.sha256($0)) }
    var headers = signature.headers(
      for: .init(
        method: "POST", path: "/", headers: [("Host", server.authority), ("Content-Type", Self.form)], payload: hash))
    headers.removeFirst()
    return try send(body, headers, hiding: base.secrets, cancellation)
  }

  /// By the token of somebody whom AWS trusts to say who this is.
  func assumed(byToken token: String, _ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials {
    let fields = fields("AssumeRoleWithWebIdentity") + [("WebIdentityToken", token)]
    let body = Array(RequestSignature.canonicalQuery(fields).utf8)
    return try send(body, [("Content-Type", Self.form)], hiding: [token], cancellation)
  }

  private static let form = "application/x-www-form-urlencoded; charset=utf-8"

  private func fields(_ action: String) -> [(String, String)] {
    let fields = [
      ("Action", action), ("Version", "2011-06-15"), ("RoleArn", role), ("RoleSessionName", sessionName),
    ]
    return fields + (seconds.map { [("DurationSeconds", $0)] } ?? [])
  }

  private func send(
    _ body: [UInt8], _ headers: [(String, String)], hiding secrets: [String], _ cancellation: Cancellation?
  ) throws(S3CredentialError) -> S3Credentials {
    let scheme = server.isEncrypted ? "https" : "http"
    let request = HTTPRequest(
      .post, "\(scheme)://\(server.authority)/", headers: headers.map { [$0.0, $0.1] }, body: body)
    let answer = try services.ask(request, place, isOwn: false, hiding: secrets, cancellation)
    return try IssuedCredentials.read(sts: answer, from: place)
  }
}
