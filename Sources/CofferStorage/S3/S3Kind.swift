import CofferConfiguration
import CofferHTTP
import CofferSystem

/// Object storage: `s3://bucket/prefix`, and `s3:https://endpoint/bucket/prefix`.
struct S3Kind: StoreKind {
  let schemes: [String?] = ["s3"]
  let spellings = ["s3://BUCKET/PREFIX", "s3:https://ENDPOINT/BUCKET/PREFIX"]
  let options = [S3Options.section.option]

  /// How the program calls itself.
  static let userAgent = "coffer"

  func store(for request: StoreRequest) throws -> any ObjectStore { try Self.store(for: request) }

  static func store(for request: StoreRequest) throws -> S3Store {
    // Every request is signed.
    try OpenSSLLibrary.open()
    let options = request.options[S3Options.section]
    let surroundings = request.surroundings
    let profile = options[S3Options.profile]
    let address = try S3Address(request.address.rest)
    let target = try S3Target(
      address, options, environment: surroundings.environment, currentFolder: surroundings.currentFolder,
      profileRegion: {
        let profiles = try S3Profiles(environment: surroundings.environment, files: .system)
        return profiles[profile ?? surroundings.environment["AWS_PROFILE"] ?? "default"]?["region"]
      })
    let chain = S3CredentialChain(
      configured: try configured(options, request.secret), profile: profile, region: target.region,
      surroundings: surroundings)
    let client = S3Client(
      target: target, location: request.address.text,
      credentials: S3CredentialKeeper(chain, clock: surroundings.clock), clock: surroundings.clock,
      connections: HTTPConnectionPool(userAgent: userAgent, patience: HTTPPatience(stall: Int(request.stallSeconds))))
    return S3Store(client, random: surroundings.random, warn: request.warn)
  }

  private static func configured(
    _ options: ConfigurationSection, _ secret: (String) throws -> String
  ) throws -> S3Credentials? {
    let (access, hidden) = (S3Options.accessKey, S3Options.secretKey)
    switch (options[access], options[hidden]) {
    case (nil, nil): return nil
    case (_?, nil): throw S3ConfigurationError.incomplete(given: access.name, missing: hidden.name)
    case (nil, _?): throw S3ConfigurationError.incomplete(given: hidden.name, missing: access.name)
    case (let accessKey?, let secretKey?):
      return S3Credentials(
        accessKey: try secret(accessKey), secretKey: try secret(secretKey),
        sessionToken: try options[S3Options.sessionToken].map(secret), origin: "'s3: access_key'")
    }
  }
}
