import CofferConfiguration
import CofferSystem
import FoundationEssentials

/// Where requests go, and what every put is to say; made of the address and the options.
struct S3Target: Sendable {
  let server: S3Server
  let bucket: String
  let prefix: String
  let region: String
  /// Whether the bucket stands in the path.
  let hasBucketInPath: Bool
  let authorities: String?
  let storageClass: String?
  let encryption: String?
  let encryptionKey: String?
  let lock: Lock?
  let looksFirst: Bool

  /// How long nothing may be deleted.
  struct Lock: Equatable {
    let days: Int
    /// As requests say it.
    let mode: String

    var seconds: Double { Double(days) * 86_400 }
  }

  /// - Parameter profileRegion: The region that the profile names; asked only where nothing else says one.
  /// - Throws: `S3ConfigurationError`; what `profileRegion` throws.
  init(
    _ address: S3Address, _ options: ConfigurationSection, environment: ProcessEnvironment, currentFolder: String,
    profileRegion: () throws -> String?
  ) throws {
    let configured = options[S3Options.region] ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"]
    region = try configured ?? profileRegion() ?? "us-east-1"
    guard Self.isRegion(region) else { throw S3ConfigurationError.malformedRegion(region) }
    let endpoint = options[S3Options.endpoint]
    guard address.server == nil || endpoint == nil else { throw S3ConfigurationError.twoEndpoints }
    let named = try address.server ?? endpoint.map { (text) throws(S3ConfigurationError) in try S3Server(text) }
    server = named ?? .amazon(region)
    guard server.isEncrypted || server.isLoopback || options[S3Options.allowHTTP] else {
      throw S3ConfigurationError.plainHTTP("http://\(server.authority)")
    }
    bucket = address.bucket
    prefix = address.prefix
    // A bucket with a dot in its name has no certificate in front of Amazon's.
    hasBucketInPath = options[S3Options.pathStyle] ?? (named != nil || bucket.holds("."))
    authorities = options[S3Options.authorities].map {
      UserPath.absolute($0, from: currentFolder, home: environment.home)
    }
    storageClass = try Self.header(S3Options.storageClass, options)
    if let storageClass, ["GLACIER", "DEEP_ARCHIVE"].contains(storageClass.asciiUppercased) {
      throw S3ConfigurationError.archivingClass(storageClass)
    }
    encryption = options[S3Options.encryption]
    encryptionKey = try Self.header(S3Options.encryptionKey, options)
    if encryptionKey != nil, encryption == nil {
      throw S3ConfigurationError.incomplete(
        given: S3Options.encryptionKey.name, missing: S3Options.encryption.name)
    }
    lock = options[S3Options.lockDays].map {
      Lock(days: $0.days, mode: options[S3Options.lockMode].asciiUppercased)
    }
    looksFirst = !options[S3Options.conditionalPut]
  }

  private static func header(
    _ key: OptionKey<String?>, _ options: ConfigurationSection
  ) throws(S3ConfigurationError) -> String? {
    guard let value = options[key] else { return nil }
    guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .malformedHeader(option: key.name)
    }
    return value
  }

  private static func isRegion(_ text: String) -> Bool {
    let signs = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
    return (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(signs.contains)
  }

  private var authority: String { hasBucketInPath ? server.authority : "\(bucket).\(server.authority)" }

  /// Where requests go, for messages.
  var url: String { "\(server.isEncrypted ? "https" : "http")://\(authority)" }

  /// As the server gets it.
  var host: String { authority }

  /// The path of an object, or of the bucket itself.
  ///
  /// - Parameter key: With the prefix.
  func path(of key: String?) -> String {
    let parts = (hasBucketInPath ? [bucket] : []) + (key?.parts(by: "/") ?? [])
    return "/" + parts.map { Quoting.urlPart($0) }.joined(separator: "/")
  }
}

extension S3Target {
  /// What every put says beside the object itself.
  func putHeaders(now: Date) -> [(String, String)] {
    var headers: [(String, String)] = []
    if let storageClass { headers.append(("X-Amz-Storage-Class", storageClass)) }
    if let encryption { headers.append(("X-Amz-Server-Side-Encryption", encryption)) }
    if let encryptionKey { headers.append(("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", encryptionKey)) }
    if let lock {
      let end = now.addingTimeInterval(lock.seconds)
      headers.append(("X-Amz-Object-Lock-Mode", lock.mode))
      headers.append(("X-Amz-Object-Lock-Retain-Until-Date", AWSTime.iso8601(end)))
    }
    return headers
  }
}
