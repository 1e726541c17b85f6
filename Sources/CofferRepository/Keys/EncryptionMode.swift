import CofferSystem

/// Where the repository's key bundle is kept.
public enum EncryptionMode: String, Sendable, Codable, CaseIterable {
  /// In the repository, wrapped by the passphrase.
  case repokey
  /// In a file on this machine, wrapped by the passphrase; the repository alone cannot be read.
  case keyfile

  /// Accepts Coffer's names and the names that Borg gives to the same arrangement.
  public init?(spelling: String) {
    switch spelling {
    case "repokey", "repokey-blake2", "repokey-aes-ocb", "repokey-chacha20-poly1305",
      "repokey-blake2-aes-ocb", "repokey-blake2-chacha20-poly1305", "repokey-blake3-aes-ocb",
      "repokey-blake3-chacha20-poly1305":
      self = .repokey
    case "keyfile", "keyfile-blake2", "keyfile-aes-ocb", "keyfile-chacha20-poly1305",
      "keyfile-blake2-aes-ocb", "keyfile-blake2-chacha20-poly1305", "keyfile-blake3-aes-ocb",
      "keyfile-blake3-chacha20-poly1305":
      self = .keyfile
    default: return nil
    }
  }
}
