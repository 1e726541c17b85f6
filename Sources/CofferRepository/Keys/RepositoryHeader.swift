import CofferStorage
import CofferSystem
import FoundationEssentials

/// The clear text of the object `config`: what a program must know before it has a key.
///
/// The object is the magic, a length, this value as JSON, and a MAC over all of that under a sub-key of the
/// index key, so that a changed parameter is noticed as soon as a key is opened.
public struct RepositoryHeader: Sendable, Equatable, Codable {
  /// The format this program writes.
  public static let currentFormat = 1

  public let format: Int
  /// 32 hex digits, random.
  public let id: String
  public let mode: EncryptionMode
  public let chunker: ChunkerParameters
  /// Stored bytes after which a data pack is finished.
  public let packTarget: Int
  /// How chunk ids are made; 2 is keyed BLAKE3, and 1 was keyed BLAKE2b, which no release wrote.
  let idSuite: UInt8
  /// How blocks and records are sealed.
  let cipherSuite: UInt8
  /// The root's public signing key, in hex.
  let rootPublic: String

  /// What whoever writes here has to know; nil in repositories from before there was such a list.
  let features: [String]?

  static let currentIDSuite: UInt8 = 2
  /// What archives need of logs is not pruned.
  static let logNeeds = "log-needs"
  /// `rounds`: the rules of compaction are kept.
  static let knownFeatures = ["rounds", logNeeds]
  static let configName = ObjectName(wellFormed: "config")
  private static let frame = FramedJSON(magic: "COFFERCF")
  private static let macSize = 32

  /// The repository id's bytes: the salt of every sub-key.
  var salt: [UInt8] { Hexadecimal.decode(id) ?? [] }

  /// The object's bytes.
  func encoded(indexKey: SecretBytes) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let clear = Self.frame.frame(try encoder.encode(self))
    var writer = ByteWriter()
    writer.raw(clear)
    writer.digest(try Self.mac(of: clear, salt: salt, indexKey: indexKey))
    return writer.bytes
  }

  /// Reads the object without checking its MAC, which needs a key.
  ///
  /// - Throws: `RepositoryError.damaged`, `.unsupported`.
  static func decode(_ bytes: [UInt8], location: String) throws -> RepositoryHeader {
    let json = try jsonPart(bytes, location: location)
    struct Format: Decodable { let format: Int }
    guard let format = try? JSONDecoder().decode(Format.self, from: Data(json)) else {
      throw damaged(location, "its header is not readable")
    }
    guard format.format == currentFormat else {
      throw RepositoryError.unsupported(
        location: location, what: "repository format \(format.format)")
    }
    guard let header = try? JSONDecoder().decode(RepositoryHeader.self, from: Data(json)),
      header.salt.count == 16, (1 << 16...1 << 30).contains(header.packTarget)
    else { throw damaged(location, "its header is not readable") }
    guard CipherSuite(rawValue: header.cipherSuite) != nil, header.idSuite == currentIDSuite else {
      throw RepositoryError.unsupported(
        location: location, what: "cipher suite \(header.cipherSuite) with id suite \(header.idSuite)")
    }
    return header
  }

  /// A feature that this program does not know; nil for a repository that it may write to.
  var unknownFeature: String? { features?.first { !Self.knownFeatures.contains($0) } }

  /// Keeps a program from writing that does not know all that its writing has to keep to; reading does no harm.
  ///
  /// - Throws: `RepositoryError.unsupported`.
  package func refuseUnknownFeatures(location: String) throws(RepositoryError) {
    guard let unknown = unknownFeature else { return }
    throw .unsupported(
      location: location, what: "the feature \(Quoting.terminal(unknown)), which whoever writes there has to know")
  }

  /// Checks the MAC of the object.
  ///
  /// - Throws: `RepositoryError.damaged`.
  static func verify(_ bytes: [UInt8], header: RepositoryHeader, indexKey: SecretBytes, location: String) throws {
    let body = Array(bytes.dropLast(macSize))
    let mac = try mac(of: body, salt: header.salt, indexKey: indexKey)
    let stored = Array(bytes.suffix(macSize))
    guard mac.withUnsafeBytes({ Array($0) }) == stored else {
      throw damaged(location, "its authentication code does not match")
    }
  }

  private static func jsonPart(_ bytes: [UInt8], location: String) throws -> [UInt8] {
    guard bytes.count <= ObjectLimit.header, let json = frame.range(in: bytes.dropLast(macSize)) else {
      throw damaged(location, "it does not begin like a repository's configuration")
    }
    guard json.upperBound == bytes.count - macSize else { throw damaged(location, "its length is wrong") }
    return Array(bytes[json])
  }

  private static func mac(of bytes: [UInt8], salt: [UInt8], indexKey: SecretBytes) throws -> Digest256 {
    let key = try KeyDerivation.hkdf(secret: indexKey, salt: salt, label: "coffer config", count: 32)
    return try MessageAuthentication.code(of: bytes, key: key)
  }

  private static func damaged(_ location: String, _ detail: String) -> RepositoryError {
    .damaged(object: "config", location: location, detail: detail)
  }
}
