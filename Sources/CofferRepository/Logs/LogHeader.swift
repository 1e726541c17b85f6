import CofferSystem

/// The clear beginning of a log's object, 112 bytes: magic (8), version (1: how segments are hashed), cipher suite (1), zero (6),
/// ephemeral X25519 public key (32), salt (32), key commitment (32).
struct LogHeader: Sendable, Equatable {
  static let size = 112
  private static let magic = Array("COFFERLG".utf8)

  let hashing: SegmentHashing
  let suite: CipherSuite
  private let ephemeralPublic: [UInt8]
  private let salt: [UInt8]
  private let commitment: [UInt8]

  /// Makes the header and the key of a new object.
  ///
  /// - Parameter dataPublic: The repository's data key.
  static func make(
    _ hashing: SegmentHashing, suite: CipherSuite, dataPublic: [UInt8], random: RandomSource
  ) throws -> (header: LogHeader, key: SecretBytes) {
    let pair = try X25519.generate(random: random)
    let shared = try X25519.agree(privateKey: pair.privateKey, publicKey: dataPublic)
    let salt = try random.bytes(32)
    let part = derivationPart(hashing, suite, ephemeralPublic: pair.publicKey, salt: salt)
    let (key, commitment) = try DataKey.derive(shared: shared, salt: salt, label: "coffer log ", part: part)
    return (LogHeader(hashing, suite, pair.publicKey, salt, commitment), key)
  }

  private init(
    _ hashing: SegmentHashing, _ suite: CipherSuite, _ ephemeralPublic: [UInt8], _ salt: [UInt8],
    _ commitment: [UInt8]
  ) {
    self.hashing = hashing
    self.suite = suite
    self.ephemeralPublic = ephemeralPublic
    self.salt = salt
    self.commitment = commitment
  }

  /// - Returns: nil unless the bytes begin with a header of a version that is known.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= Self.size, bytes.starts(with: Self.magic),
      let hashing = SegmentHashing(rawValue: bytes[8]), let suite = CipherSuite(rawValue: bytes[9]),
      bytes[10..<16].allSatisfy({ $0 == 0 })
    else { return nil }
    self.init(hashing, suite, Array(bytes[16..<48]), Array(bytes[48..<80]), Array(bytes[80..<112]))
  }

  var encoded: [UInt8] {
    Self.derivationPart(hashing, suite, ephemeralPublic: ephemeralPublic, salt: salt) + commitment
  }

  /// Derives the key of an existing object and compares the commitment before anything is opened.
  ///
  /// - Returns: nil when the commitment does not match.
  func key(dataPrivate: SecretBytes) throws -> SecretBytes? {
    guard let shared = try? X25519.agree(privateKey: dataPrivate, publicKey: ephemeralPublic) else { return nil }
    let part = Self.derivationPart(hashing, suite, ephemeralPublic: ephemeralPublic, salt: salt)
    let (key, expected) = try DataKey.derive(shared: shared, salt: salt, label: "coffer log ", part: part)
    return expected == commitment ? key : nil
  }

  private static func derivationPart(
    _ hashing: SegmentHashing, _ suite: CipherSuite, ephemeralPublic: [UInt8], salt: [UInt8]
  ) -> [UInt8] {
    magic + [hashing.rawValue, suite.rawValue, 0, 0, 0, 0, 0, 0] + ephemeralPublic + salt
  }
}
