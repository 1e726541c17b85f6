import FoundationEssentials

/// Who signs. Nothing of it is shown, but where it comes from.
struct S3Credentials: Sendable, Equatable {
  var accessKey: String
  var secretKey: String
  var sessionToken: String?
  /// When they end; nil for never.
  var expires: Date?
  /// Where they come from, in a user's words.
  var origin: String

  /// What no message may have.
  var secrets: [String] { [secretKey, sessionToken].compactMap(\.self) }
}
