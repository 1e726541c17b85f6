import CofferSystem

/// The archive records that this machine has read, in one sealed file of its own: to list a thousand archives means to
/// read and verify one thing.
///
/// Records never change, so what was verified once stays true. The file may be deleted at any time.
struct ArchiveCache {
  private let context: RepositoryContext
  private let folder: CacheFolder?

  private static let name: EntryName = "archives"
  private static let limit = 256 << 20

  init(context: RepositoryContext) {
    self.context = context
    folder = context.cacheFolder
  }

  /// Programs from before keep archives without what these need of logs: what they wrote must not open.
  private var binding: [UInt8] { Array("archives with needs of \(context.header.id)".utf8) }

  /// Returns the archives by their ids; none when the file is missing or not what it was.
  func load() -> [String: Archive] {
    guard let bytes = folder?.read(Self.name, limit: Self.limit),
      let opened = try? context.envelope.open(
        bytes, purpose: .archiveCache, context: binding, signers: context.signers),
      let archives = ArchiveRecord.decodeAll(opened.payload)
    else { return [:] }
    return Dictionary(archives.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Takes out an archive that this machine has deleted: one that is missed later was not.
  func forget(_ id: String) {
    var archives = load()
    if archives.removeValue(forKey: id) != nil { store(Array(archives.values)) }
  }

  /// Writes the file anew. A cache that cannot be written is none.
  func store(_ archives: [Archive]) {
    guard let folder, let payload = try? ArchiveRecord.encode(archives),
      let bytes = try? context.envelope.seal(
        payload, purpose: .archiveCache, context: binding, random: context.random)
    else { return }
    folder.write(Self.name, bytes)
  }
}
