import CofferSystem
import FoundationEssentials
import Glibc

/// Credentials as programs and services on the machine hand them out, in JSON.
struct IssuedCredentials: Decodable {
  private let accessKey: String
  private let secretKey: String
  private let sessionToken: String?
  /// What metadata services call the session's token.
  private let token: String?
  private let expiration: String?

  private enum CodingKeys: String, CodingKey {
    case accessKey = "AccessKeyId"
    case secretKey = "SecretAccessKey"
    case sessionToken = "SessionToken"
    case token = "Token"
    case expiration = "Expiration"
  }

  /// - Parameter origin: In a user's words.
  static func read(_ json: [UInt8], from origin: String) throws(S3CredentialError) -> S3Credentials {
    let issued: IssuedCredentials
    do { issued = try JSONDecoder().decode(IssuedCredentials.self, from: Data(json)) } catch {
      throw S3CredentialError(
        origin, "The answer has no credentials", suggestion: "It must be JSON with AccessKeyId and SecretAccessKey")
    }
    return try read(
      accessKey: issued.accessKey, secretKey: issued.secretKey, token: issued.sessionToken ?? issued.token,
      expiration: issued.expiration, from: origin)
  }

  /// What AWS's token service answers.
  static func read(sts answer: [UInt8], from origin: String) throws(S3CredentialError) -> S3Credentials {
    guard let document = try? XMLElement(answer), let result = document.children.first,
      let issued = result["Credentials"], let accessKey = issued.text("AccessKeyId"),
      let secretKey = issued.text("SecretAccessKey"), let token = issued.text("SessionToken")
    else { throw S3CredentialError(origin, "The answer has no credentials") }
    return try read(
      accessKey: accessKey, secretKey: secretKey, token: token, expiration: issued.text("Expiration"), from: origin)
  }

  private static func read(
    accessKey: String, secretKey: String, token: String?, expiration: String?, from origin: String
  ) throws(S3CredentialError) -> S3Credentials {
    let expires = expiration.map { AWSTime.iso8601($0) }
    // What is taken for lasting and is not would end in the middle of a backup.
    if let expires, expires == nil { throw S3CredentialError(origin, "The answer says no time at which they end") }
    return S3Credentials(
      accessKey: accessKey.trimmed, secretKey: secretKey.trimmed, sessionToken: token?.trimmed, expires: expires ?? nil,
      origin: origin)
  }
}
