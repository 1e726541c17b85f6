import CofferStorage
import CofferSystem
import Foundation

/// The object `keys/<id>`: a clear part that says whose signatures the key makes, and, unless the bundle is kept
/// in a file elsewhere, the bundle wrapped by a passphrase.
struct KeyRecord: Sendable {
  /// The clear part. `rootSignature` covers id, role and signing key, so that nobody but the root adds a signer.
  struct Clear: Codable, Equatable {
    let id: String
    let role: KeyRole
    let signingPublic: String
    let rootSignature: String
    let created: Date
    let wrapping: Wrapping
  }

  /// How the passphrase becomes the wrapping key.
  struct Wrapping: Codable, Equatable {
    let logN: Int
    let r: Int
    let p: Int
    let salt: String
  }

  let clear: Clear
  /// Everything before the wrapped part: it is bound to it as associated data.
  private let prefix: [UInt8]
  private let wrapped: [UInt8]

  private static let frame = FramedJSON(magic: "COFFERKY")
  static let folder = "keys"

  /// Whether a path is that of the folder, or one that keys in it have.
  static func isFolderOrName(_ path: String) -> Bool {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.first.map({ String(decoding: $0, as: UTF8.self) }) == folder else { return false }
    if parts.count == 1 { return true }
    return parts.count == 2 && Hexadecimal.decode(String(decoding: parts[1], as: UTF8.self))?.count == KeyID.size
  }

  static func objectName(_ id: KeyID) -> ObjectName? { ObjectName("\(folder)/\(id)") }

  /// Whether the record holds the bundle, and not only the signer's public half.
  var holdsBundle: Bool { !wrapped.isEmpty }

  var bytes: [UInt8] { prefix + wrapped }

  /// The record without the wrapped bundle, for a repository whose keys are kept elsewhere.
  var withoutBundle: [UInt8] { prefix }

  // MARK: - Making

  /// Wraps a bundle.
  ///
  /// - Parameter rootPrivate: The root's signing seed; it vouches for the new signer.
  init(
    wrapping bundle: KeyBundle, rootPrivate: SecretBytes, passphrase: SecretBytes, logN: Int, created: Date,
    random: RandomSource
  ) throws {
    let salt = try random.bytes(32)
    let parameters = Wrapping(logN: logN, r: 8, p: 1, salt: Hexadecimal.encode(salt))
    let statement = Self.statement(
      id: bundle.id.bytes, role: bundle.role, signingPublic: bundle.signingPublic)
    let signature = try Ed25519.sign(statement, seed: rootPrivate)
    clear = Clear(
      id: "\(bundle.id)", role: bundle.role, signingPublic: Hexadecimal.encode(bundle.signingPublic),
      rootSignature: Hexadecimal.encode(signature), created: created, wrapping: parameters)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.dateEncodingStrategy = .iso8601
    prefix = Self.frame.frame(try encoder.encode(clear))
    let key = try Self.wrappingKey(passphrase, parameters)
    wrapped = try AuthenticatedCipher(suite: .aes256gcm, key: key).sealed(
      bundle.encoded(), nonce: 0, associatedData: prefix)
  }

  private static func statement(id: [UInt8], role: KeyRole, signingPublic: [UInt8]) -> [UInt8] {
    Array("coffer signer \(role.rawValue) ".utf8) + id + signingPublic
  }

  private static func wrappingKey(_ passphrase: SecretBytes, _ wrapping: Wrapping) throws -> SecretBytes {
    try KeyDerivation.scrypt(
      passphrase: passphrase, salt: Hexadecimal.decode(wrapping.salt) ?? [], logN: wrapping.logN,
      r: wrapping.r, p: wrapping.p, count: 32)
  }

  // MARK: - Reading

  /// - Throws: `RepositoryError.damaged`.
  init(decoding bytes: [UInt8], object: String, location: String) throws {
    guard bytes.count <= ObjectLimit.key, let json = Self.frame.range(in: bytes) else {
      throw RepositoryError.damaged(
        object: object, location: location, detail: "it does not begin like a key")
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard json.upperBound <= bytes.count,
      let clear = try? decoder.decode(Clear.self, from: Data(bytes[json]))
    else {
      throw RepositoryError.damaged(object: object, location: location, detail: "its header is not readable")
    }
    self.clear = clear
    prefix = Array(bytes[..<json.upperBound])
    wrapped = Array(bytes[json.upperBound...])
  }

  /// Opens the wrapped bundle.
  ///
  /// - Returns: nil when the passphrase is not this key's (or the wrapped bytes are damaged, which looks alike).
  func unwrap(passphrase: SecretBytes) throws -> KeyBundle? {
    let key = try Self.wrappingKey(passphrase, clear.wrapping)
    let cipher = try AuthenticatedCipher(suite: .aes256gcm, key: key)
    guard var plain = try? cipher.opened(wrapped, nonce: 0, associatedData: prefix) else { return nil }
    defer { plain.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    return try plain.withUnsafeBytes { try KeyBundle(decoding: $0) }
  }

  /// Returns the signer that the record vouches for.
  ///
  /// - Throws: `RepositoryError.damaged` unless the root signed it.
  func signer(rootPublic: [UInt8], object: String, location: String) throws -> Signer {
    guard let id = Hexadecimal.decode(clear.id), id.count == KeyID.size,
      let signingPublic = Hexadecimal.decode(clear.signingPublic), signingPublic.count == 32,
      let signature = Hexadecimal.decode(clear.rootSignature), signature.count == 64,
      try Ed25519.verify(
        signature, of: Self.statement(id: id, role: clear.role, signingPublic: signingPublic),
        publicKey: rootPublic)
    else {
      throw RepositoryError.damaged(
        object: object, location: location,
        detail: "it is not signed by the repository's root key")
    }
    return Signer(id: KeyID(id), role: clear.role, publicKey: signingPublic)
  }
}

/// A key whose signatures the repository's root vouches for.
struct Signer: Sendable, Equatable {
  let id: KeyID
  let role: KeyRole
  let publicKey: [UInt8]
}
