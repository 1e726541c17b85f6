import CofferConfiguration
import CofferHTTP
import CofferSystem

/// Credentials that a container or an instance is given by where it runs.
struct MachineCredentials {
  let environment: ProcessEnvironment
  let files: FileReader
  let services: CredentialServices

  /// ECS's agent. Addresses of the link itself: nobody else can answer there.
  static let containerServer = "http://169.254.170.2"
  private static let instanceServer = "http://169.254.169.254"
  private static let containerHosts = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]

  /// Of ECS and of EKS pod identity
  /// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
  ///
  /// - Returns: nil where the container was not given any.
  func ofContainer(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials? {
    let url: String
    if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"], path.begins(with: "/") {
      url = Self.containerServer + path
    } else if let full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
      url = full
    } else {
      return nil
    }
    let place = "container's credentials"
    // The token must not go to somebody in the net in plain.
    let server = url.parts(by: "://", limit: 2)
    let authority =
      server.count == 2 ? String(decoding: server[1].utf8.prefix { !"/?#".utf8.contains($0) }, as: UTF8.self) : ""
    guard !authority.holds("@"), let endpoint = try? S3Server("\(server[0])://\(authority)"),
      endpoint.isEncrypted || endpoint.isLoopback || Self.containerHosts.contains(endpoint.authority)
    else {
      throw S3CredentialError(
        place, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of the machine's own")
    }
    var headers: [[String]] = []
    if let path = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
      headers = [["Authorization", try text(of: path, place)]]
    } else if let token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] {
      headers = [["Authorization", token]]
    }
    let answer = try services.ask(
      HTTPRequest(.get, url, headers: headers), place, isOwn: true, cancellation)
    return try IssuedCredentials.read(answer, from: place)
  }

  /// Of an EC2 instance, by the second version of its service, which wants a token first
  /// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html).
  ///
  /// - Returns: nil where there is no such service, or it may not be asked.
  func ofInstance(_ cancellation: Cancellation?) throws(S3CredentialError) -> S3Credentials? {
    guard environment["AWS_EC2_METADATA_DISABLED"]?.asciiLowercased != "true" else { return nil }
    let given = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    let server = given.map { $0.before(end: "/") ?? $0 } ?? Self.instanceServer
    let place = "instance's credentials"
    let token: [UInt8]
    do throws(S3CredentialError) {
      token = try services.ask(
        HTTPRequest(
          .put, "\(server)/latest/api/token", headers: [["X-aws-ec2-metadata-token-ttl-seconds", "21600"]]),
        place, isOwn: true, cancellation)
    } catch {
      // Where nobody said that there is such a service, none is to be expected.
      guard error.isTransient, given == nil else { throw error }
      return nil
    }
    let headers = [["X-aws-ec2-metadata-token", String(decoding: token, as: UTF8.self).trimmed]]
    let base = "\(server)/latest/meta-data/iam/security-credentials/"
    let roles = try services.ask(HTTPRequest(.get, base, headers: headers), place, isOwn: true, cancellation)
    guard let role = String(decoding: roles, as: UTF8.self).lines().first?.trimmed, !role.isEmpty else {
      throw S3CredentialError(place, "The instance has no role", suggestion: "Give it an instance profile")
    }
    let answer = try services.ask(
      HTTPRequest(.get, base + Quoting.urlPart(role), headers: headers), place, isOwn: true, cancellation)
    return try IssuedCredentials.read(answer, from: place)
  }

  private func text(of path: String, _ place: String) throws(S3CredentialError) -> String {
    do throws(SystemError) {
      return String(decoding: try files.read(path), as: UTF8.self).trimmed
    } catch {
      throw S3CredentialError(place, "\(path): \(error.diagnosis.problem)")
    }
  }
}
