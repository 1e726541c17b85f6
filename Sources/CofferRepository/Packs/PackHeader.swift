import CofferStorage
import CofferSystem

/// What a pack holds: chunks of streams, or nodes of recipes.
package enum PackKind: UInt8, Sendable, CaseIterable {
  case data = 1
  case tree = 2
}

/// The clear beginning of a pack, 112 bytes: magic (8), version (1), cipher suite (1), kind (1), zero (5), the
/// session's ephemeral X25519 public key (32), salt (32), key commitment (32).
struct PackHeader: Sendable, Equatable {
  static let size = 112
  private static let magic = Array("COFFERPK".utf8)
  private static let version: UInt8 = 1
  private static let label = "coffer pack "
  /// The bytes that the key derivation covers: all but the commitment.
  private static let derivedSize = 80

  let suite: CipherSuite
  let kind: PackKind
  let ephemeralPublic: [UInt8]
  let salt: [UInt8]
  let commitment: [UInt8]

  var encoded: [UInt8] {
    Self.derivationPart(suite: suite, kind: kind, ephemeralPublic: ephemeralPublic, salt: salt) + commitment
  }

  /// - Returns: nil unless the bytes begin with a header of this version.
  init?(decoding bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.size, bytes.starts(with: Self.magic), bytes[8] == Self.version,
      let suite = CipherSuite(rawValue: bytes[9]), let kind = PackKind(rawValue: bytes[10]),
      bytes[11..<16].allSatisfy({ $0 == 0 })
    else { return nil }
    self.suite = suite
    self.kind = kind
    ephemeralPublic = Array(bytes[16..<48])
    salt = Array(bytes[48..<80])
    commitment = Array(bytes[80..<112])
  }

  private init(
    suite: CipherSuite, kind: PackKind, ephemeralPublic: [UInt8], salt: [UInt8], commitment: [UInt8]
  ) {
    self.suite = suite
    self.kind = kind
    self.ephemeralPublic = ephemeralPublic
    self.salt = salt
    self.commitment = commitment
  }

  private static func derivationPart(
    suite: CipherSuite, kind: PackKind, ephemeralPublic: [UInt8], salt: [UInt8]
  ) -> [UInt8] {
    magic + [version, suite.rawValue, kind.rawValue, 0, 0, 0, 0, 0] + ephemeralPublic + salt
  }
}

// MARK: - The pack's key

extension PackHeader {
  /// Makes the header and the key of a new pack.
  ///
  /// - Parameter shared: The session's X25519 agreement with the repository's data key.
  static func make(
    kind: PackKind, suite: CipherSuite, ephemeralPublic: [UInt8], shared: SecretBytes, random: RandomSource
  ) throws -> (header: PackHeader, key: SecretBytes) {
    let salt = try random.bytes(32)
    let part = derivationPart(suite: suite, kind: kind, ephemeralPublic: ephemeralPublic, salt: salt)
    let (key, commitment) = try DataKey.derive(shared: shared, salt: salt, label: label, part: part)
    let header = PackHeader(
      suite: suite, kind: kind, ephemeralPublic: ephemeralPublic, salt: salt, commitment: commitment)
    return (header, key)
  }

  /// Derives the key of an existing pack and compares the commitment before anything is opened.
  ///
  /// - Returns: nil when the commitment does not match: the header is damaged or another repository's.
  func key(dataPrivate: SecretBytes) throws -> SecretBytes? {
    guard let shared = try? X25519.agree(privateKey: dataPrivate, publicKey: ephemeralPublic) else {
      return nil
    }
    let part = Array(encoded[..<Self.derivedSize])
    let (key, expected) = try DataKey.derive(shared: shared, salt: salt, label: Self.label, part: part)
    return expected == commitment ? key : nil
  }
}

/// The end of a pack, 24 bytes: offset and length of the sealed directory, magic.
struct PackTrailer: Sendable, Equatable {
  static let size = 24
  private static let magic = Array("COFFERPE".utf8)

  let directoryOffset: Int
  let directoryLength: Int

  init(directoryOffset: Int, directoryLength: Int) {
    self.directoryOffset = directoryOffset
    self.directoryLength = directoryLength
  }

  var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.fixed(UInt64(directoryOffset))
    writer.fixed(UInt64(directoryLength))
    writer.raw(Self.magic)
    return writer.bytes
  }

  /// - Parameter packSize: Bytes of the whole pack; the directory must fill the space before the trailer.
  /// - Returns: nil unless the bytes are a trailer that fits the pack.
  init?(decoding bytes: UnsafeRawBufferPointer, packSize: Int) {
    var reader = ByteReader(bytes)
    guard bytes.count == Self.size, let offset = try? reader.fixed(UInt64.self),
      let length = try? reader.fixed(UInt64.self), bytes[16...].elementsEqual(Self.magic),
      offset >= UInt64(PackHeader.size), offset <= UInt64(packSize), length <= UInt64(packSize),
      Int(offset) + Int(length) + Self.size == packSize
    else { return nil }
    directoryOffset = Int(offset)
    directoryLength = Int(length)
  }
}

extension Digest256 {
  /// The object name of a pack with this hash.
  package var packName: ObjectName? { ObjectName("\(PackFolder.name)/\(hex.prefix(2))/\(hex)") }
}

/// Where packs are.
enum PackFolder {
  static let name = "packs"

  /// - Returns: The hash that a pack's name claims; nil for any other object.
  static func digest(of name: ObjectName) -> Digest256? {
    let parts = name.parts
    guard parts.count == 3, parts[0] == Self.name, parts[2].begins(with: parts[1]), parts[1].count == 2 else {
      return nil
    }
    return Digest256(hex: String(parts[2]))
  }
}
