import CofferSystem
import FoundationEssentials
import Glibc

/// What people call a key. Whoever has a key of the repository can read it, whoever stores the repository cannot.
struct KeyDescription: Codable, Sendable {
  let label: String
  /// Where the key was made.
  let hostname: String

  private static let saltSize = 32
  /// Bytes.
  static let labelLimit = 200
  static let hostnameLimit = 255

  /// Sealed for the key of this id.
  func sealed(for id: KeyID, indexKey: SecretBytes, random: RandomSource) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let salt = try random.bytes(Self.saltSize)
    return salt
      + (try Self.cipher(indexKey, salt).sealed(
        Array(try encoder.encode(self)), nonce: 0, associatedData: id.bytes))
  }

  /// - Returns: nil for what is no description of the key.
  init?(opening bytes: [UInt8], of id: KeyID, indexKey: SecretBytes) {
    guard bytes.count > Self.saltSize,
      let cipher = try? Self.cipher(indexKey, Array(bytes[..<Self.saltSize])),
      let plain = try? cipher.opened(Array(bytes[Self.saltSize...]), nonce: 0, associatedData: id.bytes),
      let description = try? JSONDecoder().decode(KeyDescription.self, from: Data(plain)),
      description.label.utf8.count <= Self.labelLimit, description.hostname.utf8.count <= Self.hostnameLimit
    else { return nil }
    self = description
  }

  init(label: String, hostname: String) {
    self.label = label
    self.hostname = hostname
  }

  private static func cipher(_ indexKey: SecretBytes, _ salt: [UInt8]) throws -> AuthenticatedCipher {
    try AuthenticatedCipher(
      suite: .aes256gcm,
      key: KeyDerivation.hkdf(secret: indexKey, salt: salt, label: "coffer key description", count: 32))
  }
}
