import CofferSystem

/// The keys under which content is sealed so that only full keys open it.
enum DataKey {
  static let size = 32

  /// The two halves of HKDF over an X25519 agreement with the repository's data key.
  ///
  /// - Parameters:
  ///   - label: What the key is for.
  ///   - part: All that is before the commitment; its hex is behind the label.
  static func derive(
    shared: SecretBytes, salt: [UInt8], label: String, part: [UInt8]
  ) throws -> (key: SecretBytes, commitment: [UInt8]) {
    let both = try KeyDerivation.hkdf(
      secret: shared, salt: salt, label: label + Hexadecimal.encode(part), count: size + 32)
    return both.withUnsafeBytes { bytes in
      (
        SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[..<size]), ownsPages: false),
        Array(bytes[size...])
      )
    }
  }
}
