import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// An object of `keys/`: a clear part that says whose signatures the key makes, and, unless the bundle is kept
/// in a file elsewhere, the bundle wrapped by a passphrase.
struct KeyRecord: Sendable {
  /// The clear part. `rootSignature` covers id, role, signing key and description, so that nobody but the root adds a signer.
  struct Clear: Codable, Equatable {
    let id: String
    let role: KeyRole
    let signingPublic: String
    let rootSignature: String
    let created: Date
    var wrapping: Wrapping
    /// In hex, sealed: see `KeyDescription`.
    var description: String?
    /// How often the key was wrapped anew; nil for the wrapping that it was made with.
    var revision: Int?
  }

  /// How the passphrase becomes the wrapping key.
  struct Wrapping: Codable, Equatable {
    let logN: Int
    let r: Int
    let p: Int
    let salt: String

    /// In units that grow with the time and the memory it takes.
    fileprivate var cost: Int {
      (min(max(r, 1), 64) * min(max(p, 1), 64)) << min(max(logN, 0), 32)
    }

    /// The wrapping key that a passphrase becomes.
    func key(of passphrase: SecretBytes) throws -> SecretBytes {
      try KeyDerivation.scrypt(
        passphrase: passphrase, salt: Hexadecimal.decode(salt) ?? [], logN: logN, r: r, p: p, count: 32)
    }
  }

  let clear: Clear
  /// Everything before the wrapped part: it is bound to it as associated data.
  private let prefix: [UInt8]
  private let wrapped: [UInt8]
  /// Of a later wrapping: the key's own signature.
  private let signature: [UInt8]

  private static let frame = FramedJSON(magic: "COFFERKY")
  private static let signatureSize = 64

  /// Whether the record holds the bundle, and not only the signer's public half.
  var holdsBundle: Bool { !wrapped.isEmpty }

  /// What is wrong with a record without a bundle in a repository that keeps them.
  static let lostBundle = "its wrapped part is missing"

  var bytes: [UInt8] { prefix + wrapped + signature }

  var revision: Int { clear.revision ?? 0 }

  /// Sealed; nil for a key without one.
  var description: [UInt8]? { clear.description.flatMap { Hexadecimal.decode($0) } }

  /// What it takes to try a passphrase on it, against that of others.
  var cost: Int { clear.wrapping.cost }

  /// The record without the wrapped bundle, for a repository whose keys are kept elsewhere.
  func withoutBundle() throws -> [UInt8] {
    var clear = clear
    clear.revision = nil
    return Self.frame.frame(try Self.encoder.encode(clear))
  }

  // MARK: - Making

  /// Wraps a new key's bundle.
  ///
  /// - Parameter rootPrivate: The root's signing seed; it vouches for the new signer.
  init(
    wrapping bundle: KeyBundle, rootPrivate: SecretBytes, passphrase: SecretBytes, logN: Int, created: Date,
    description: KeyDescription? = nil, random: RandomSource
  ) throws {
    let parameters = try Wrapping(logN: logN, random: random)
    let description = try description?.sealed(for: bundle.id, indexKey: bundle.indexKey, random: random)
    let statement = Self.statement(
      id: bundle.id.bytes, role: bundle.role, signingPublic: bundle.signingPublic, description: description)
    let signature = try Ed25519.sign(statement, seed: rootPrivate)
    try self.init(
      clear: Clear(
        id: "\(bundle.id)", role: bundle.role, signingPublic: Hexadecimal.encode(bundle.signingPublic),
        rootSignature: Hexadecimal.encode(signature), created: created, wrapping: parameters,
        description: description.map { Hexadecimal.encode($0) }), bundle, passphrase)
  }

  /// Wraps the key of a record anew.
  func rewrapping(
    _ bundle: KeyBundle, revision: Int, passphrase: SecretBytes, logN: Int, random: RandomSource
  ) throws -> KeyRecord {
    var clear = clear
    clear.wrapping = try Wrapping(logN: logN, random: random)
    clear.revision = revision
    return try KeyRecord(clear: clear, bundle, passphrase)
  }

  private init(clear: Clear, _ bundle: KeyBundle, _ passphrase: SecretBytes) throws {
    self.clear = clear
    prefix = Self.frame.frame(try Self.encoder.encode(clear))
    let key = try clear.wrapping.key(of: passphrase)
    wrapped = try AuthenticatedCipher(suite: .aes256gcm, key: key).sealed(
      bundle.encoded(), nonce: 0, associatedData: prefix)
    signature = clear.revision == nil ? [] : try Ed25519.sign(prefix + wrapped, seed: bundle.signingSeed)
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.dateEncodingStrategy = .iso8601
    return encoder
  }

  private static func statement(
    id: [UInt8], role: KeyRole, signingPublic: [UInt8], description: [UInt8]?
  ) -> [UInt8] {
    Array("coffer signer \(role.rawValue) ".utf8) + id + signingPublic + (description ?? [])
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
    let isSigned = clear.revision != nil && bytes.count - json.upperBound > Self.signatureSize
    wrapped = Array(bytes[json.upperBound..<(isSigned ? bytes.count - Self.signatureSize : bytes.count)])
    signature = isSigned ? Array(bytes.suffix(Self.signatureSize)) : []
    guard !holdsBundle || wrapped.count == KeyBundle.encodedSize(of: clear.role) + AuthenticatedCipher.tagSize else {
      throw RepositoryError.damaged(
        object: object, location: location, detail: "its wrapped part does not have the size that one of its role has")
    }
  }

  /// Opens the wrapped bundle.
  ///
  /// - Parameter ahead: A passphrase that was stretched before the record was here.
  /// - Returns: nil when the passphrase is not this key's (or the wrapped bytes are damaged, which looks alike).
  func unwrap(passphrase: SecretBytes, _ ahead: StretchedAhead? = nil) throws -> KeyBundle? {
    let key = try ahead?.key(of: passphrase, by: clear.wrapping) ?? clear.wrapping.key(of: passphrase)
    let cipher = try AuthenticatedCipher(suite: .aes256gcm, key: key)
    guard var plain = try? cipher.opened(wrapped, nonce: 0, associatedData: prefix) else { return nil }
    defer { plain.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
    return try plain.withUnsafeBytes { try KeyBundle(decoding: $0) }
  }

  /// Returns the signer that the record vouches for.
  ///
  /// - Throws: `RepositoryError.damaged` unless the root signed it, and the key itself a later wrapping.
  func signer(rootPublic: [UInt8], object: String, location: String) throws -> Signer {
    guard let id = KeyID(hex: clear.id),
      let signingPublic = Hexadecimal.decode(clear.signingPublic), signingPublic.count == 32,
      let rootSignature = Hexadecimal.decode(clear.rootSignature), rootSignature.count == 64,
      (clear.description == nil) == (description == nil),
      try Ed25519.verify(
        rootSignature,
        of: Self.statement(id: id.bytes, role: clear.role, signingPublic: signingPublic, description: description),
        publicKey: rootPublic)
    else {
      throw RepositoryError.damaged(
        object: object, location: location,
        detail: "it is not signed by the repository's root key")
    }
    guard try clear.revision == nil || Ed25519.verify(signature, of: prefix + wrapped, publicKey: signingPublic) else {
      throw RepositoryError.damaged(
        object: object, location: location, detail: "it is a later wrapping of the key and not signed by it")
    }
    return Signer(id: id, role: clear.role, publicKey: signingPublic)
  }
}

extension KeyRecord.Wrapping {
  fileprivate init(logN: Int, random: RandomSource) throws {
    self.init(logN: logN, r: 8, p: 1, salt: Hexadecimal.encode(try random.bytes(32)))
  }
}

/// A key whose signatures the repository's root vouches for.
struct Signer: Sendable, Equatable {
  let id: KeyID
  let role: KeyRole
  let publicKey: [UInt8]
}
