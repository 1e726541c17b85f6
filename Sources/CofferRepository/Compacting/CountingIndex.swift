import CofferStorage
import CofferSystem

/// The index objects that count in a round, and the packs that each of them names.
struct CountingIndex {
  struct Object {
    let digest: Digest256
    /// The round that the session which wrote it saw.
    let round: Int
    /// Whether a full key has signed it.
    let isFull: Bool
    let packs: [Digest256]
  }

  private(set) var objects: [Object] = []
  /// All packs that they name, whether these stand or not.
  private(set) var named: Set<Digest256> = []

  /// Reads all index objects, one after the other. What cannot be read counts for nobody.
  ///
  /// - Parameter counts: Tells whether an object counts by its hash and the round that its session saw.
  /// - Throws: `StorageError`, when the store does not answer; `RunCancelled`.
  init(_ loader: IndexLoader, _ names: [ObjectName], counts: (Digest256, Int) -> Bool) throws {
    for name in names {
      guard let digest = Digest256(hex: name.lastPart),
        let segment = try RunStore.readable({ try loader.read(name) }), counts(digest, segment.round)
      else { continue }
      let packs = segment.packs.map(\.digest)
      objects.append(
        Object(digest: digest, round: segment.round, isFull: segment.signer.role == .full, packs: packs))
      named.formUnion(packs)
    }
  }

  /// Divides the objects by what goes.
  ///
  /// What a write-only key says of packs is kept, and is no reason not to say it again: a stolen one may say that another's pack
  /// holds nothing.
  ///
  /// - Returns: The objects that name nothing of it, the packs that full keys' objects among these name, and the packs that
  ///   are left unnamed although others name them.
  func divided(
    without going: Set<Digest256>
  ) -> (kept: [Object], covered: Set<Digest256>, uncovered: Set<Digest256>) {
    var kept: [Object] = []
    var lost: Set<Digest256> = []
    for object in objects {
      if going.isDisjoint(with: object.packs) { kept.append(object) } else { lost.formUnion(object.packs) }
    }
    let covered = Set(kept.lazy.filter(\.isFull).flatMap(\.packs))
    return (kept, covered, lost.subtracting(going).subtracting(covered))
  }
}

/// Puts index objects over packs that are stored already.
struct IndexWriter {
  private let context: RepositoryContext
  private let loader: IndexLoader
  /// The one that the objects are of: they count in the next one only because its plan or sweep names them.
  private let round: Int

  /// Chunks that one object has at most, or it is of one pack: a part of what a reader accepts.
  private static let chunkLimit = 1 << 20

  init(_ context: RepositoryContext, _ loader: IndexLoader, round: Int) {
    self.context = context
    self.loader = loader
    self.round = round
  }

  /// Puts index objects that name packs, as the packs' own directories say. Where one does not open, what an index object has
  /// said goes on to be said.
  ///
  /// - Parameters:
  ///   - packs: Packs that stand.
  ///   - new: Packs that this process has just stored.
  ///   - names: All index objects.
  /// - Returns: The objects' hashes.
  func put(_ packs: Set<Digest256>, _ new: [IndexedPack], among names: [ObjectName]) throws -> Set<Digest256> {
    var digests: Set<Digest256> = []
    var batch: [IndexedPack] = []
    var chunkCount = 0
    func flush() throws {
      if !batch.isEmpty { digests.insert(try put(batch)) }
      batch = []
      chunkCount = 0
    }
    func add(_ pack: IndexedPack) throws {
      if chunkCount + pack.entries.count > Self.chunkLimit { try flush() }
      batch.append(pack)
      chunkCount += pack.entries.count
    }
    for pack in new { try add(pack) }
    var unreadable: Set<Digest256> = []
    for digest in packs.sorted() {
      do {
        let reader = try PackReader(digest, context: context)
        var pack = IndexedPack(
          digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
        pack.signer = reader.signer.id == context.keys.id ? nil : reader.signer.id
        try add(pack)
      } catch StorageError.missing {
        continue
      } catch let error where !RunStore.concernsObject(error) || Self.mayPass(error) {
        throw error
      } catch {
        unreadable.insert(digest)
      }
    }
    if !unreadable.isEmpty { for pack in try stated(unreadable, among: names) { try add(pack) } }
    try flush()
    return digests
  }

  /// Whether the pack may be read another time: what is said of it now would stand for good.
  private static func mayPass(_ error: any Error) -> Bool {
    switch error {
    case StorageError.truncated, StorageError.tooLarge: false
    default: error is StorageError
    }
  }

  /// What index objects say of packs, those of full keys first.
  private func stated(_ packs: Set<Digest256>, among names: [ObjectName]) throws -> [IndexedPack] {
    var stated: [Digest256: IndexedPack] = [:]
    for isFull in [true, false] {
      for name in names {
        guard let segment = try RunStore.readable({ try loader.read(name) }), (segment.signer.role == .full) == isFull
        else { continue }
        // Where nobody says what a pack leans on, nobody is to lean on the pack. A full key says that on its own word only: what a
        // pack leans on stays, whatever else it costs, and these packs' directories do not open, so nothing of them can be read.
        for var pack in segment.packs
        where packs.contains(pack.digest) && pack.bases != nil && stated[pack.digest] == nil {
          if !isFull || pack.signer == nil { pack.signer = segment.signer.id }
          if !isFull { pack.bases = [] }
          if pack.signer == context.keys.id { pack.signer = nil }
          stated[pack.digest] = pack
        }
      }
    }
    return packs.sorted().compactMap { stated[$0] }
  }

  private func put(_ packs: [IndexedPack]) throws -> Digest256 {
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs, round: round), purpose: .index, context: [], random: context.random)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    if let name = IndexSegment.objectName(digest) { try context.store.put(name, bytes) }
    return digest
  }
}
