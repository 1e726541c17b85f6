import CofferSystem

/// A small object sealed under the index key and signed by the key that wrote it.
///
/// Layout: magic (8), version (1), purpose (1), cipher suite (1), zero (1), salt (32); then, sealed under
/// HKDF(index key, salt, label) with the 44 bytes before and the context as associated data: signer's id (16),
/// Ed25519 signature (64) over those 44 bytes, context and payload, and the payload.
package struct Envelope: Sendable {
  package enum Purpose: UInt8, Sendable {
    case archive = 1
    case index = 2
    case session = 3
    case collection = 4
    case directory = 5
    /// Of no object of the repository: a machine's own copy of archive records.
    case archiveCache = 6
    case quarantine = 7
    case proof = 8
    case pin = 9
    /// The directory of an object of a log.
    case log = 10

    fileprivate var label: String { "coffer envelope \(rawValue)" }
  }

  /// An envelope that does not open; the caller says which object it was.
  struct Unopenable: Error, Equatable {
    let detail: String
    /// Whether only the key that signed it is not known here, which says nothing against the object.
    var isOfUnknownKey = false
  }

  let keys: KeyBundle
  let suite: CipherSuite

  private static let magic = Array("COFFERRC".utf8)
  private static let version: UInt8 = 1
  private static let headSize = 44
  private static let saltSize = 32
  private static let signatureSize = 64
  private static let tagSize = 16

  /// Bytes that an envelope adds to its payload.
  static let overhead = headSize + KeyID.size + signatureSize + tagSize

  /// - Parameter context: What the envelope is bound to besides its purpose, for example an object's name.
  package func seal(_ payload: [UInt8], purpose: Purpose, context: [UInt8], random: RandomSource) throws -> [UInt8] {
    var head = ByteWriter()
    head.raw(Self.magic)
    head.byte(Self.version)
    head.byte(purpose.rawValue)
    head.byte(suite.rawValue)
    head.byte(0)
    let salt = try random.bytes(Self.saltSize)
    head.raw(salt)
    let signature = try Ed25519.sign(head.bytes + context + payload, seed: keys.signingSeed)
    let sealed = try cipher(purpose, salt).sealed(
      keys.id.bytes + signature + payload, nonce: 0, associatedData: head.bytes + context)
    return head.bytes + sealed
  }

  /// - Returns: The payload and the key that signed it.
  /// - Throws: `Unopenable`.
  func open(_ bytes: [UInt8], purpose: Purpose, context: [UInt8], signers: SignerDirectory) throws -> (
    payload: [UInt8], signer: Signer
  ) {
    guard bytes.count >= Self.overhead, bytes.starts(with: Self.magic) else {
      throw Unopenable(detail: "it is too short or does not begin as it should")
    }
    guard bytes[8] == Self.version, bytes[9] == purpose.rawValue, bytes[10] == suite.rawValue, bytes[11] == 0
    else { throw Unopenable(detail: "its header names another version, purpose or cipher") }
    let head = Array(bytes[..<Self.headSize])
    let salt = Array(head.suffix(Self.saltSize))
    guard
      let plain = try? cipher(purpose, salt).opened(
        Array(bytes[Self.headSize...]), nonce: 0, associatedData: head + context)
    else { throw Unopenable(detail: "it does not decrypt: bytes were changed or lost") }
    let id = KeyID(Array(plain[..<KeyID.size]))
    let signature = Array(plain[KeyID.size..<KeyID.size + Self.signatureSize])
    let payload = Array(plain[(KeyID.size + Self.signatureSize)...])
    guard let signer = signers[id] else {
      throw Unopenable(detail: "it is signed by the key \(id), whose record is not readable here", isOfUnknownKey: true)
    }
    guard try Ed25519.verify(signature, of: head + context + payload, publicKey: signer.publicKey) else {
      throw Unopenable(detail: "its signature does not match")
    }
    return (payload, signer)
  }

  private func cipher(_ purpose: Purpose, _ salt: [UInt8]) throws -> AuthenticatedCipher {
    let key = try KeyDerivation.hkdf(
      secret: keys.indexKey, salt: salt, label: purpose.label, count: 32)
    return try AuthenticatedCipher(suite: suite, key: key)
  }
}
