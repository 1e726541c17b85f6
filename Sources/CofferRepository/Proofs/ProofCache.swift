import CofferSystem
import FoundationEssentials
import Glibc

/// The proofs that this machine has read, in one sealed file of its own. They never change, so what was verified once stays true.
struct ProofCache {
  private struct Entry: Codable {
    let name: String
    let proofs: [Proof]
  }

  private let context: RepositoryContext
  private let folder: CacheFolder?

  private static let name: EntryName = "proofs"
  private static let limit = 256 << 20

  init(_ context: RepositoryContext) {
    self.context = context
    folder = context.cacheFolder
  }

  private var binding: [UInt8] { Array("proofs of \(context.header.id)".utf8) }

  /// By the paths of their objects; none when the file is missing or not what it was.
  func load() -> [ExactName: [Proof]] {
    guard let bytes = folder?.read(Self.name, limit: Self.limit),
      let opened = try? context.envelope.open(
        bytes, purpose: .archiveCache, context: binding, signers: context.signers),
      let entries = try? RecordJSON.decoder.decode([Entry].self, from: Data(opened.payload))
    else { return [:] }
    return Dictionary(entries.map { (ExactName($0.name), $0.proofs) }, uniquingKeysWith: { first, _ in first })
  }

  /// A cache that cannot be written is none.
  func store(_ proofs: [ExactName: [Proof]]) {
    let entries = proofs.map { Entry(name: $0.key.text, proofs: $0.value) }
    guard let folder, let payload = try? RecordJSON.encoder.encode(entries),
      let bytes = try? context.envelope.seal(
        Array(payload), purpose: .archiveCache, context: binding, random: context.random)
    else { return }
    folder.write(Self.name, bytes)
  }
}
