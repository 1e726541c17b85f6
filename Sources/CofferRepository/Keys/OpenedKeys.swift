import CofferSystem

/// Key bundles that were opened a short while ago, so that commands that follow each other stretch the passphrase once.
///
/// What is kept opens with the same passphrase only: it is the bundle sealed with AES-256-GCM under
/// HKDF(passphrase, salt, `coffer opened key`), nonce 0, with the hash of the key's record as associated data.
public struct OpenedKeys: Sendable {
  private let keeper: any SecretKeeper
  private let seconds: Int

  private static let saltSize = 32

  /// - Parameter seconds: How long a bundle is kept after it was opened with the stretched passphrase.
  public init(keeper: any SecretKeeper, seconds: Int) {
    self.keeper = keeper
    self.seconds = seconds
  }

  /// Returns the record's bundle if it was kept, and the passphrase is the one that it was kept with.
  func bundle(of record: KeyRecord, passphrase: SecretBytes) -> KeyBundle? {
    guard let hash = try? Self.hash(record), let kept = keeper.secret(named: Self.name(of: record, hash)),
      kept.count > Self.saltSize,
      let cipher = try? Self.cipher(passphrase, salt: Array(kept[..<Self.saltSize])),
      var plain = try? cipher.opened(Array(kept[Self.saltSize...]), nonce: 0, associatedData: hash)
    else { return nil }
    defer { plain.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    return try? plain.withUnsafeBytes { try KeyBundle(decoding: $0) }
  }

  /// Keeps a bundle that the passphrase has opened.
  func keep(_ bundle: KeyBundle, of record: KeyRecord, passphrase: SecretBytes, random: RandomSource) throws {
    let hash = try Self.hash(record)
    let salt = try random.bytes(Self.saltSize)
    var plain = bundle.encoded()
    defer { plain.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    let sealed = try Self.cipher(passphrase, salt: salt).sealed(plain, nonce: 0, associatedData: hash)
    keeper.keep(salt + sealed, named: Self.name(of: record, hash), seconds: seconds)
  }

  private static func cipher(_ passphrase: SecretBytes, salt: [UInt8]) throws -> AuthenticatedCipher {
    try AuthenticatedCipher(
      suite: .aes256gcm,
      key: KeyDerivation.hkdf(secret: passphrase, salt: salt, label: "coffer opened key", count: 32))
  }

  private static func hash(_ record: KeyRecord) throws -> [UInt8] {
    try record.bytes.withUnsafeBytes { try ContentHasher.hash($0) }.withUnsafeBytes { Array($0) }
  }

  /// Whether something is kept of a key that was opened here before.
  func mayHold(_ key: KnownKey.Last) -> Bool { keeper.secret(named: key.keptName) != nil }

  /// The name under which a record's bundle is kept.
  static func name(of record: KeyRecord) throws -> String { name(of: record, try hash(record)) }

  private static func name(of record: KeyRecord, _ hash: [UInt8]) -> String {
    "coffer:\(record.clear.id):\(Hexadecimal.encode(Array(hash[..<8])))"
  }
}
