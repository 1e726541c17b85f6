import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// The object `removed/<id>`: a key that opens nothing any more. Its public half stays, for what it has signed.
struct KeyRemoval: Sendable {
  static let folder = "removed"

  private struct Content: Codable {
    let id: String
    let role: KeyRole
    let signingPublic: String
    let created: Date
    let description: String?
    let removed: Date
  }

  let signer: Signer
  let created: Date
  let removed: Date
  /// Sealed: see `KeyDescription`.
  let description: [UInt8]?

  static func objectName(_ id: KeyID) -> ObjectName? { ObjectName("\(folder)/\(id)") }

  init(of record: KeyRecord, signer: Signer, at time: Date) {
    self.signer = signer
    created = record.clear.created
    removed = time
    description = record.description
  }

  func encoded(rootPrivate: SecretBytes) throws -> [UInt8] {
    try RootStatement.seal(
      Content(
        id: "\(signer.id)", role: signer.role, signingPublic: Hexadecimal.encode(signer.publicKey), created: created,
        description: description.map { Hexadecimal.encode($0) }, removed: removed), rootPrivate: rootPrivate)
  }

  /// - Returns: nil for what the root has not said of the key.
  init?(_ bytes: [UInt8], of id: KeyID, rootPublic: [UInt8]) {
    guard let content: Content = RootStatement.open(bytes, rootPublic: rootPublic), content.id == "\(id)",
      let publicKey = Hexadecimal.decode(content.signingPublic), publicKey.count == 32
    else { return nil }
    signer = Signer(id: id, role: content.role, publicKey: publicKey)
    created = content.created
    removed = content.removed
    description = content.description.flatMap { Hexadecimal.decode($0) }
  }
}

/// The object `removed/<id>-archives`: which archives of a removed write-only key count. They are those that were there when
/// it had been removed; what it signs later is none of them.
struct CountingArchives: Sendable {
  private struct Content: Codable {
    let id: String
    let archives: [String]
  }

  private static let suffix = "-archives"

  let ids: Set<ExactName>

  /// How many a list names at most: so many that it stays below `ObjectLimit.archive`.
  static let most = 400_000

  static func objectName(_ id: KeyID) -> ObjectName? { ObjectName("\(KeyRemoval.folder)/\(id)\(suffix)") }

  /// The key that an object of this name is about; nil for another name.
  static func key(_ name: ObjectName) -> KeyID? {
    guard name.parts.count == 2, name.parts[0] == KeyRemoval.folder else { return nil }
    return name.lastPart.before(end: suffix).flatMap { KeyID(hex: $0) }
  }

  init(_ ids: some Sequence<String>) {
    self.ids = Set(ids.map { ExactName($0) })
  }

  func encoded(of id: KeyID, rootPrivate: SecretBytes) throws -> [UInt8] {
    try RootStatement.seal(Content(id: "\(id)", archives: ids.sorted().map(\.text)), rootPrivate: rootPrivate)
  }

  /// - Returns: nil for what the root has not said of the key.
  init?(_ bytes: [UInt8], of id: KeyID, rootPublic: [UInt8]) {
    guard let content: Content = RootStatement.open(bytes, rootPublic: rootPublic), content.id == "\(id)" else {
      return nil
    }
    self.init(content.archives)
  }
}

/// Clear JSON that the repository's root has signed: `COFFERRM`, the length of the JSON, the JSON, and an Ed25519 signature
/// over all of that.
private enum RootStatement {
  private static let frame = FramedJSON(magic: "COFFERRM")
  private static let signatureSize = 64

  static func seal(_ content: some Encodable, rootPrivate: SecretBytes) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.dateEncodingStrategy = .iso8601
    let bytes = frame.frame(try encoder.encode(content))
    return bytes + (try Ed25519.sign(bytes, seed: rootPrivate))
  }

  /// - Returns: nil for anything that the root has not signed: nothing in it is looked at.
  static func open<Content: Decodable>(_ bytes: [UInt8], rootPublic: [UInt8]) -> Content? {
    let signed = Array(bytes.dropLast(signatureSize))
    guard let isSigned = try? Ed25519.verify(Array(bytes.suffix(signatureSize)), of: signed, publicKey: rootPublic),
      isSigned, let json = frame.range(in: signed), json.upperBound == signed.count
    else { return nil }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try? decoder.decode(Content.self, from: Data(signed[json]))
  }
}
