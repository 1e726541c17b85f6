import CofferStorage
import CofferSystem
import Foundation

@testable import CofferRepository

/// What tells of keys: signatures are made over whatever the bytes are, so that what is behind them is read.
extension FuzzedParser {
  private static let frame = FramedJSON(magic: "COFFERRM")

  func keySeeds(_ context: RepositoryContext, record: [UInt8]) throws -> [[UInt8]] {
    let export = KeyExport(repository: context.header.id, key: "\(context.keys.id)", record: record)
    let time = "2026-01-31T03:00:00Z"
    switch self {
    case .export: return [Array(try export.text.utf8), record]
    case .paper: return [Array(try export.paper.joined(separator: "\n").utf8)]
    case .removal:
      let content = """
        {"created":"\(time)","description":"00","id":"\(context.keys.id)","removed":"\(time)","role":"write-only",\
        "signingPublic":"\(Hexadecimal.encode(context.keys.signingPublic))"}
        """
      return [Self.frame.frame(Data(content.utf8))]
    case .countingArchives:
      return [Self.frame.frame(Data(#"{"archives":["a","b"],"id":"\#(context.keys.id)"}"#.utf8))]
    default: return [Array(#"{"hostname":"h","label":"l"}"#.utf8)]
    }
  }

  func takeKeyBytes(_ bytes: [UInt8], _ context: RepositoryContext) throws {
    let id = context.keys.id
    switch self {
    case .removal:
      let (signed, root) = try Self.signed(bytes, context)
      guard let removal = KeyRemoval(signed, of: id, rootPublic: root), let description = removal.description else {
        return
      }
      _ = KeyDescription(opening: description, of: id, indexKey: context.keys.indexKey)
    case .countingArchives:
      let (signed, root) = try Self.signed(bytes, context)
      _ = CountingArchives(signed, of: id, rootPublic: root)
    case .keyDescription:
      let salt = [UInt8](repeating: 0, count: 32)
      let cipher = try AuthenticatedCipher(
        suite: .aes256gcm,
        key: KeyDerivation.hkdf(secret: context.keys.indexKey, salt: salt, label: "coffer key description", count: 32))
      let sealed = salt + (try cipher.sealed(bytes, nonce: 0, associatedData: id.bytes))
      guard let description = KeyDescription(opening: sealed, of: id, indexKey: context.keys.indexKey) else { return }
      precondition(description.label.utf8.count <= KeyDescription.labelLimit)
    default:
      let export = try KeyExport(reading: bytes)
      // What was read is written as it was.
      guard export.repository != nil else { return }
      let again = try KeyExport(reading: Array(try export.text.utf8))
      precondition(again.record == export.record)
    }
  }

  private static func signed(
    _ bytes: [UInt8], _ context: RepositoryContext
  ) throws -> (signed: [UInt8], root: [UInt8]) {
    guard let seed = context.keys.rootPrivate else { throw ByteReader.Malformed(offset: 0) }
    return (bytes + (try Ed25519.sign(bytes, seed: seed)), Hexadecimal.decode(context.header.rootPublic) ?? [])
  }
}
