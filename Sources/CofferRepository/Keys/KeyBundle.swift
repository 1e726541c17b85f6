import CofferSystem

/// Whether a key can read and administer, or only add.
public enum KeyRole: String, Sendable, Codable {
  case full
  case writeOnly = "write-only"
}

/// Everything a key lets its holder do, unwrapped.
///
/// A write-only bundle lacks `dataPrivate` and `rootPrivate`: its holder can list archives, deduplicate and add,
/// but cannot open a block, not even one of its own.
package struct KeyBundle: Sendable {
  package let id: KeyID
  let role: KeyRole
  let chunkIDKey: SecretBytes
  let chunkerKey: SecretBytes
  let indexKey: SecretBytes
  let dataPublic: [UInt8]
  let dataPrivate: SecretBytes?
  let signingSeed: SecretBytes
  let signingPublic: [UInt8]
  let rootPublic: [UInt8]
  let rootPrivate: SecretBytes?

  /// Makes the first key of a new repository.
  static func generate(random: RandomSource) throws -> KeyBundle {
    let data = try X25519.generate(random: random)
    let root = try Ed25519.generate(random: random)
    let signing = try Ed25519.generate(random: random)
    return KeyBundle(
      id: KeyID(try random.bytes(KeyID.size)), role: .full, chunkIDKey: try secret(random),
      chunkerKey: try secret(random), indexKey: try secret(random), dataPublic: data.publicKey,
      dataPrivate: data.privateKey, signingSeed: signing.seed, signingPublic: signing.publicKey,
      rootPublic: root.publicKey, rootPrivate: root.seed)
  }

  /// Makes another key of the repository, with an id and a signing pair of its own. All full keys hold the same other
  /// secrets; a write-only one can add and not read.
  func another(_ role: KeyRole, random: RandomSource) throws -> KeyBundle {
    let signing = try Ed25519.generate(random: random)
    let isFull = role == .full
    return KeyBundle(
      id: KeyID(try random.bytes(KeyID.size)), role: role, chunkIDKey: chunkIDKey, chunkerKey: chunkerKey,
      indexKey: indexKey, dataPublic: dataPublic, dataPrivate: isFull ? dataPrivate : nil, signingSeed: signing.seed,
      signingPublic: signing.publicKey, rootPublic: rootPublic, rootPrivate: isFull ? rootPrivate : nil)
  }

  private static func secret(_ random: RandomSource) throws -> SecretBytes {
    SecretBytes(copying: try random.bytes(32))
  }
}

/// Names a key of a repository: 16 random bytes.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
  static let size = 16
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// - Returns: nil unless `hex` are its 32 digits.
  init?(hex: String) {
    guard let bytes = Hexadecimal.decode(hex), bytes.count == Self.size else { return nil }
    self.bytes = bytes
  }

  package var description: String { Hexadecimal.encode(bytes) }
}

// MARK: - Encoding

extension KeyBundle {
  private static let formatVersion: UInt8 = 1

  /// Bytes of an encoded bundle: each part that is there has 32.
  static func encodedSize(of role: KeyRole) -> Int {
    let parts = 8
    return 2 + KeyID.size + parts + 32 * (role == .full ? parts : parts - 2)
  }

  /// The bundle as it is wrapped: version, role, id, then each part length-prefixed, absent ones empty.
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(Self.formatVersion)
    writer.byte(role == .full ? 1 : 2)
    writer.raw(id.bytes)
    for part in [chunkIDKey, chunkerKey, indexKey, signingSeed] { writer.counted(part.copied()) }
    writer.counted(dataPublic)
    writer.counted(dataPrivate?.copied() ?? [])
    writer.counted(rootPublic)
    writer.counted(rootPrivate?.copied() ?? [])
    return writer.bytes
  }

  /// - Throws: `ByteReader.Malformed` when the bytes are no bundle.
  init(decoding bytes: UnsafeRawBufferPointer) throws {
    var reader = ByteReader(bytes)
    guard try reader.byte() == Self.formatVersion else { throw reader.malformed }
    let isFull = try reader.byte() == 1
    id = KeyID(Array(try reader.raw(KeyID.size)))
    chunkIDKey = try Self.secret(&reader)
    chunkerKey = try Self.secret(&reader)
    indexKey = try Self.secret(&reader)
    signingSeed = try Self.secret(&reader)
    dataPublic = try reader.counted()
    let dataPart = try reader.counted()
    rootPublic = try reader.counted()
    let rootPart = try reader.counted()
    try reader.finish()
    guard dataPublic.count == 32, rootPublic.count == 32 else { throw reader.malformed }
    guard isFull ? (dataPart.count == 32 && rootPart.count == 32) : (dataPart.isEmpty && rootPart.isEmpty)
    else { throw reader.malformed }
    role = isFull ? .full : .writeOnly
    dataPrivate = isFull ? SecretBytes(copying: dataPart) : nil
    rootPrivate = isFull ? SecretBytes(copying: rootPart) : nil
    signingPublic = try Ed25519.publicKey(seed: signingSeed)
  }

  private static func secret(_ reader: inout ByteReader) throws -> SecretBytes {
    let part = try reader.counted()
    guard part.count == 32 else { throw reader.malformed }
    return SecretBytes(copying: part)
  }
}
