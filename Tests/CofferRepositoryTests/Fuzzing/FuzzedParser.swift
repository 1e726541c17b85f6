import CofferSystem
import Foundation

@testable import CofferConfiguration
@testable import CofferRepository
@testable import CofferStorage

/// What reads bytes that a disk, a network or another's key gives: each takes any bytes, and does nothing but succeed or say
/// what is wrong with them.
enum FuzzedParser: String, CaseIterable {
  case header, key, bundle, envelope, directory, packHeader, trailer, index, recipe, items, records, block, cacheRun,
    progress, yaml, frames
  case export, paper, removal, countingArchives, keyDescription, plan, sweep, closing, session, proof, pin, names
  case logHeader, logDirectory, logSlice
  case oplog, oplogSplice

  /// A repository whose objects are the seeds.
  private struct Ground {
    let store: MemoryStore
    let context: RepositoryContext
    let archive: Archive
  }

  private static let ground: Ground = {
    do {
      let store = MemoryStore()
      let surroundings = RepositorySurroundings(
        clock: .system, random: .system, keyFolder: "/nowhere", workers: 1)
      let repository = try Repository.create(
        in: store, options: CreationOptions(packTarget: 1 << 16, passphraseCost: 5),
        passphrase: SecretBytes(passphrase: "seed"), surroundings: surroundings)
      var archive: Archive?
      for edit in 0..<2 {
        let session = try repository.beginSession(cancellation: try Cancellation())
        var bytes = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 5) }
        bytes[20_000] = UInt8(edit)
        let stream = try session.store(MemorySource(bytes))
        session.add(
          ArchiveItem(path: ItemPath("a/b"), content: .file(stream), mode: 0o600, modified: 1, dump: Array("{}".utf8)))
        session.add(
          ArchiveItem(path: ItemPath("l"), content: .symbolicLink(target: ItemPath("b")), mode: 0o777, modified: 1))
        var extents = FileExtents()
        extents.append(hole: 9, data: stream.size)
        let extras = ItemExtras(
          attributes: [ItemExtras.Attribute(name: Array("user.a".utf8), value: [1])], flags: 0x10, accessed: 1,
          link: ItemExtras.LinkIdentity(device: 1, inode: 2), extents: extents)
        session.add(
          ArchiveItem(path: ItemPath("s"), content: .file(stream), mode: 0o600, modified: 1, extras: extras))
        archive = try session.commit(
          ArchiveDraft(
            name: "\(edit)", hostname: "h", username: "u", commandLine: ["c"], start: Date(timeIntervalSince1970: 1)))
      }
      guard let archive else { preconditionFailure("two archives were made") }
      return Ground(store: store, context: repository.context, archive: archive)
    } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  /// What the program itself writes.
  func seeds() throws -> [[UInt8]] {
    let (store, context) = (Self.ground.store, Self.ground.context)
    func objects(_ folder: String) throws -> [[UInt8]] {
      try store.list(folder, cancellation: nil).map { try store.get($0.name) }
    }
    let packs = try objects("packs")
    let readers = try store.list("packs", cancellation: nil).compactMap { PackFolder.digest(of: $0.name) }.map {
      try PackReader($0, context: context)
    }
    let indexed = readers.map {
      IndexedPack(digest: $0.digest, kind: $0.header.kind, size: $0.size, directory: $0.directory)
    }
    switch self {
    case .header: return [try store.get(RepositoryHeader.configName)]
    case .key: return try objects("keys")
    case .bundle: return [context.keys.encoded()]
    case .envelope: return try objects("index")
    case .directory:
      return readers.map { reader in
        let end = reader.directory.blocks.last.map { $0.offset + $0.storedLength } ?? PackHeader.size
        return Self.prefixed(end, reader.directory.encoded())
      }
    case .packHeader: return packs.map { Array($0.prefix(PackHeader.size)) }
    case .trailer: return packs.map { Self.prefixed($0.count, Array($0.suffix(PackTrailer.size))) }
    case .index: return [IndexSegment.encode(indexed), IndexSegment.encode(Array(indexed.prefix(1)), round: 7)]
    case .recipe:
      let tree = try BlockReader(context: context, cache: ReadCache(blockCount: 4), for: .chunks)
      let place = readers.first { $0.header.kind == .tree }.map { BlockPlace(pack: $0.digest, block: 0) }
      return try place.map { [Self.prefixed(40_000, [0] + (try tree.block($0.block, of: $0.pack).bytes))] } ?? []
    case .items:
      let streams = try StreamReader(context: context, index: RenewedIndex(IndexLoader(context: context)))
      let sink = MemorySink()
      try streams.read(Self.ground.archive.items, into: sink, cancellation: try Cancellation())
      return [sink.bytes]
    case .records: return [try ArchiveRecord.encode([Self.ground.archive])]
    case .block:
      let plain = Array("a block of a pack, a block of a pack".utf8)
      var output = [UInt8](repeating: 0, count: 1000)
      let count = try output.withUnsafeMutableBytes { output in
        try plain.withUnsafeBytes { try BlockCompressor().compress($0, prefix: nil, level: 3, into: output) }
      }
      return [Array(output[..<count])]
    case .cacheRun:
      return try Self.inCacheFolder { cache, path in
        _ = try cache.make(of: indexed, signer: context.keys.id, sources: [])
        return try FileManager.default.contentsOfDirectory(atPath: path).map {
          [UInt8](FileManager.default.contents(atPath: "\(path)/\($0)") ?? Data())
        }
      } ?? []
    case .progress: return [Array(try JSONEncoder().encode(CheckProgress(level: .content)))]
    case .export, .paper, .removal, .countingArchives, .keyDescription:
      return try keySeeds(context, record: objects("keys")[0])
    case .plan, .sweep, .closing, .session, .proof, .pin, .names:
      return try roundSeeds(context, packs: readers.map(\.digest))
    case .logHeader, .logDirectory, .logSlice: return try logSeeds(context)
    case .oplog, .oplogSplice: return try oplogSeeds()
    case .yaml: return [Array("a: &x [1, {b: 'c'}]\nd: *x\ne: !include f\n<<: {g: |\n  h\n }".utf8)]
    case .frames:
      var status = PayloadWriter()
      let name = ObjectName(wellFormed: "packs/ab/cd")
      ObjectStatus(name: name, size: 3, received: Date(timeIntervalSince1970: 1)).write(to: &status)
      UnfinishedPut(path: "packs/.tmp-1", size: 1, isAbandoned: true).write(to: &status)
      let failure = ServeFailure(.full, "put", reason: "no room", suggestion: "make some")
      return [ServeHello(path: "/srv/r").encoded(), status.bytes, failure.encoded()].map { payload in
        Frame(1, id: 0, payload).encoded() + Frame(66, id: 7, payload).encoded()
      }
    }
  }

  /// Reads the bytes. What is thrown is an answer like any other.
  func read(_ bytes: [UInt8]) {
    do { try take(bytes) } catch {}
  }

  private func take(_ bytes: [UInt8]) throws {
    switch self {
    case .header: _ = try RepositoryHeader.decode(bytes, location: "fuzz")
    case .key: _ = try KeyRecord(decoding: bytes, object: "keys/0", location: "fuzz")
    case .bundle: _ = try bytes.withUnsafeBytes { try KeyBundle(decoding: $0) }
    case .envelope:
      let context = Self.ground.context
      _ = try context.envelope.open(bytes, purpose: .index, context: [], signers: context.signers)
    case .directory:
      let (end, rest) = Self.split(bytes)
      _ = try rest.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: end) }
    case .packHeader: _ = bytes.withUnsafeBytes { PackHeader(decoding: $0) }
    case .trailer:
      let (size, rest) = Self.split(bytes)
      _ = rest.withUnsafeBytes { PackTrailer(decoding: $0, packSize: size) }
    case .index:
      let segment = try bytes.withUnsafeBytes { try IndexSegment.decode($0) }
      let index = ChunkIndex(tableLimit: 1000)
      for pack in segment.packs { try index.add(pack) }
      try index.knowEveryCopy()
    case .recipe: try readRecipe(bytes)
    case .items:
      try bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        while reader.remaining > 0 { _ = try ArchiveItem(from: &reader) }
      }
    case .records: _ = ArchiveRecord.decodeAll(bytes)
    case .block:
      let decompressor = try BlockDecompressor()
      try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { room in
        try bytes.withUnsafeBytes { try decompressor.decompress($0, prefix: nil, into: room) }
      }
    case .cacheRun: try readRun(bytes)
    case .progress: _ = try JSONDecoder().decode(CheckProgress.self, from: Data(bytes))
    case .export, .paper, .removal, .countingArchives, .keyDescription:
      try takeKeyBytes(bytes, Self.ground.context)
    case .plan, .sweep, .closing, .session, .proof, .pin, .names: try takeRoundBytes(bytes, Self.ground.context)
    case .logHeader, .logDirectory, .logSlice: try takeLogBytes(bytes, Self.ground.context)
    case .oplog, .oplogSplice: try takeOplogBytes(bytes)
    case .yaml:
      var parser = YAMLParser(file: "fuzz")
      _ = try parser.parse(bytes)
    case .frames:
      var parser = FrameParser(limit: 1 << 12)
      bytes.withUnsafeBytes { parser.add($0) }
      while let frame = try parser.next() { readFrame(frame) }
    }
  }

  /// Takes it for everything that it could be.
  private func readFrame(_ frame: Frame) {
    _ = try? ServeHello(decoding: frame.payload)
    _ = try? ServeFailure(decoding: frame.payload)
    var (statuses, puts) = (PayloadReader(frame.payload), PayloadReader(frame.payload))
    while (try? ObjectStatus(reading: &statuses)) != nil {}
    while (try? UnfinishedPut(reading: &puts)) != nil {}
  }

  private struct TooMany: Error {}

  /// Every id leads to one of four nodes, which may lead back to each other.
  private func readRecipe(_ bytes: [UInt8]) throws {
    let (size, rest) = Self.split(bytes)
    let nodes = stride(from: 1, to: rest.count, by: max((rest.count + 3) / 4, 1)).map { Array(rest[$0...]) }
    guard let depth = rest.first, let root = Self.ground.archive.items.root else { return }
    var visits = 0
    let reader = RecipeReader { id in
      visits += 1
      guard visits < 10_000, !nodes.isEmpty else { throw TooMany() }
      return nodes[Int(truncatingIfNeeded: id.word % UInt64(nodes.count))]
    }
    let stream = StreamReference(
      root: root, depth: depth, size: UInt64(size), chunkCount: 1,
      hash: try bytes.withUnsafeBytes { try ContentHasher.hash($0) })
    try reader.forEachChunk(of: stream) { _ in
      visits += 1
      if visits >= 10_000 { throw TooMany() }
    }
  }

  private func readRun(_ bytes: [UInt8]) throws {
    try Self.inCacheFolder { cache, path in
      try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/0.index"))
      for run in cache.entries().map(\.run) {
        for number in 0..<min(run.layout.packCount, 10) { _ = run.blocks(ofPack: number).map(run.chunks(ofBlock:)) }
        if let root = Self.ground.archive.items.root { _ = run.number(of: root).map(run.location(ofNumber:)) }
      }
    }
  }

  /// - Returns: nil when there can be no such folder.
  @discardableResult
  private static func inCacheFolder<Value>(_ body: (IndexCache, String) throws -> Value) throws -> Value? {
    let path = NSTemporaryDirectory() + "coffer-fuzz-\(UInt64.random(in: 0 ... .max))"
    guard let folder = CacheFolder(path) else { return nil }
    defer { try? FileManager.default.removeItem(atPath: path) }
    let key = SecretBytes(copying: [UInt8](repeating: 1, count: 32))
    return try body(IndexCache(folder: folder, key: key, random: .system), path)
  }

  // MARK: - A number in front of the bytes

  private static func prefixed(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } + bytes
  }

  /// What stands for an object's size has been compared with the limit for its kind before.
  private static func split(_ bytes: [UInt8]) -> (Int, [UInt8]) {
    let number = bytes.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    return (Int(clamping: min(number, 1 << 40)), Array(bytes.dropFirst(8)))
  }
}
