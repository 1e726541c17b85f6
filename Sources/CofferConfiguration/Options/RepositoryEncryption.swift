import CofferSystem

/// Where a repository's key is kept, by Coffer's names and by those that Borg gives to the same arrangement.
public enum RepositoryEncryption: String, OptionText, CaseIterable {
  case repokey, keyfile

  public static let title = "repokey or keyfile, for Coffer always encrypts"
  public static let suggestion = "Write 'repokey' or 'keyfile'"

  /// What Borg writes behind the place of the key: how it encrypts.
  private static let ciphers = [
    "", "-blake2", "-aes-ocb", "-chacha20-poly1305", "-blake2-aes-ocb", "-blake2-chacha20-poly1305", "-blake3-aes-ocb",
    "-blake3-chacha20-poly1305",
  ]

  public init?(_ text: String) {
    let found = Self.allCases.first { mode in Self.ciphers.contains { text.isSame(as: mode.rawValue + $0) } }
    guard let found else { return nil }
    self = found
  }

  public var spelling: String { rawValue }

  public static func nearest(to text: String) -> String? {
    NearestName.of(text, among: allCases.map(\.rawValue))
  }
}
