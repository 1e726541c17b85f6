import CofferSystem

/// What is wrong with the address or the options of a repository in object storage.
enum S3ConfigurationError: DiagnosableError, Equatable {
  case malformedAddress
  case malformedBucket(String)
  case malformedPrefix
  case malformedEndpoint(String)
  /// The address and the options name two servers.
  case twoEndpoints
  case plainHTTP(String)
  /// Only one of two options that belong together.
  case incomplete(given: String, missing: String)
  case malformedRegion(String)
  case malformedHeader(option: String)
  /// A storage class out of which nothing is read before hours have passed.
  case archivingClass(String)

  private static let spellings = "Write s3://BUCKET/PREFIX, or s3:https://ENDPOINT/BUCKET/PREFIX"

  var diagnosis: Diagnosis {
    switch self {
    case .malformedAddress:
      Diagnosis(subject: "s3", problem: "The address names no bucket", suggestion: Self.spellings)
    case .malformedBucket(let name):
      Diagnosis(
        subject: "s3", problem: "'\(Quoting.terminal(name))' cannot be a bucket's name", suggestion: Self.spellings)
    case .malformedPrefix:
      Diagnosis(
        subject: "s3", problem: "The path behind the bucket has an empty part, '.', '..' or a control character",
        suggestion: Self.spellings)
    case .malformedEndpoint(let text):
      Diagnosis(
        subject: "s3", problem: "'\(Quoting.terminal(URLSecrets.masked(text)))' is no server's address",
        suggestion: "Write https://HOST or https://HOST:PORT; keys belong into 's3: access_key' and 's3: secret_key'")
    case .twoEndpoints:
      Diagnosis(
        subject: "s3", problem: "The address names a server, and 'endpoint' names one, too",
        suggestion: "Remove one of them")
    case .plainHTTP(let server):
      Diagnosis(
        subject: "s3", problem: "\(server) would be asked without TLS, over a network",
        suggestion: "Write https://, or set 's3: allow_http: true' if everybody on the way may see and change requests")
    case .incomplete(let given, let missing):
      Diagnosis(
        subject: "s3", problem: "'\(given)' is set, but not '\(missing)'", suggestion: "Set both, or neither")
    case .malformedRegion(let text):
      Diagnosis(
        subject: "s3", problem: "'\(Quoting.terminal(text))' cannot be a region's name",
        suggestion: "Write it as the provider does, for example eu-central-1")
    case .archivingClass(let name):
      Diagnosis(
        subject: "s3", problem: "What is stored in the class \(name) cannot be read at once, as backups need it",
        suggestion: "Use STANDARD_IA or GLACIER_IR, or leave 'storage_class' out")
    case .malformedHeader(let option):
      Diagnosis(
        subject: "s3", problem: "The value of '\(option)' has characters that cannot be sent",
        suggestion: "Write it as the provider does")
    }
  }
}
