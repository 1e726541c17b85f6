import CofferSystem

/// Where the repository's key bundle is kept.
public enum EncryptionMode: String, Sendable, Codable, CaseIterable {
  /// In the repository, wrapped by the passphrase.
  case repokey
  /// In a file on this machine, wrapped by the passphrase; the repository alone cannot be read.
  case keyfile
}
