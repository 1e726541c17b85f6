import CofferSystem
import Foundation

/// The local cache of index runs: files that save reading the repository's index objects again, and the memory that they
/// would take. Each of them may be deleted at any time.
struct IndexCache: Sendable {
  /// A run and the file that it is in; nil for memory without a file.
  struct Entry: Sendable {
    let run: IndexRun
    let path: String?
  }

  private let folder: String?
  private let random: RandomSource

  /// - Parameter folder: Made when it is needed; nil for runs in memory only.
  init(folder: String?, random: RandomSource) {
    self.folder = folder
    self.random = random
  }

  private static let suffix = ".index"
  private static let unfinishedSuffix = ".new"

  /// Returns the runs there are. Files that should be runs and are not are removed, and what killed programs have left.
  func entries() -> [Entry] {
    guard let folder else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().compactMap { name in
      let path = "\(folder)/\(name)"
      if name.hasSuffix(Self.unfinishedSuffix), Self.isAbandoned(path) { unlink(path) }
      guard name.hasSuffix(Self.suffix) else { return nil }
      guard let memory = try? MappedMemory.read(path), let run = IndexRun(memory) else {
        unlink(path)
        return nil
      }
      return Entry(run: run, path: path)
    }
  }

  /// Nobody writes a run for a whole day.
  private static func isAbandoned(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && time(nil) - facts.st_mtim.tv_sec > 86400
  }

  func remove(_ entry: Entry) {
    if let path = entry.path { unlink(path) }
  }

  /// Makes a run of packs.
  ///
  /// - Parameter isLasting: Whether the run is for later programs, too.
  func make(
    of packs: [IndexedPack], signer: KeyID, sources: [Digest256], isLasting: Bool = true
  ) throws -> Entry? {
    let blockCounts = packs.map { ($0.entries.last?.block ?? -1) + 1 }
    let layout = IndexRunLayout(
      sourceCount: sources.count, packCount: packs.count, blockCount: blockCounts.reduce(0, +),
      chunkCount: packs.reduce(0) { $0 + $1.entries.count })
    return try make(layout, signer, sources, isLasting) { builder in
      for (pack, blockCount) in zip(packs, blockCounts) {
        builder.addPack(.init(digest: pack.digest, kind: pack.kind, size: pack.size, plainSize: pack.plainSize))
        var rest = pack.entries[...]
        for block in 0..<blockCount {
          let entries = rest.prefix { $0.block == block }
          rest = rest.dropFirst(entries.count)
          var ids = ByteWriter()
          for entry in entries { ids.id(entry.id) }
          let lengths = entries.map { UInt32($0.length) }
          ids.bytes.withUnsafeBytes { ids in lengths.withUnsafeBytes { builder.addBlock(ids, lengths: $0) } }
        }
      }
    }
  }

  /// Makes one run of several of the same signer; of a pack that several have the first counts.
  func merge(_ runs: [IndexRun], isLasting: Bool = true) throws -> Entry? {
    var seen: Set<Digest256> = []
    let parts = runs.flatMap { run in
      (0..<run.layout.packCount).compactMap { seen.insert(run.pack($0).digest).inserted ? (run, $0) : nil }
    }
    let sources = Array(Set(runs.flatMap(\.sources))).sorted()
    let blocks = parts.map { run, number in run.blocks(ofPack: number) }
    let layout = IndexRunLayout(
      sourceCount: sources.count, packCount: parts.count, blockCount: blocks.reduce(0) { $0 + $1.count },
      chunkCount: zip(parts, blocks).reduce(0) { sum, part in
        sum + part.1.reduce(0) { $0 + part.0.0.chunks(ofBlock: $1).count }
      })
    guard let signer = runs.first?.signer else { return nil }
    return try make(layout, signer, sources, isLasting) { builder in
      for ((run, number), blocks) in zip(parts, blocks) {
        builder.addPack(run.pack(number))
        for block in blocks {
          let chunks = run.chunks(ofBlock: block)
          builder.addBlock(run.idBytes(chunks), lengths: run.lengthBytes(chunks))
        }
      }
    }
  }

  private func make(
    _ layout: IndexRunLayout?, _ signer: KeyID, _ sources: [Digest256], _ isLasting: Bool,
    fill: (inout IndexRunBuilder) -> Void
  ) throws -> Entry? {
    guard let layout else { return nil }
    let name = Hexadecimal.encode(try random.bytes(8))
    // A cache that cannot be written is no reason to fail: memory will do.
    let temporary = folder.map { "\($0)/\(name)\(Self.unfinishedSuffix)" }
    var memory = temporary.flatMap { try? file($0, size: layout.size) }
    let isFile = memory != nil
    if memory == nil { memory = try MappedMemory.anonymous(size: layout.size) }
    guard let memory else { return nil }
    if !isLasting, let temporary { unlink(temporary) }
    var builder = IndexRunBuilder(layout, in: memory, signer: signer, sources: sources)
    fill(&builder)
    guard let run = try builder.finish() else { return nil }
    guard isFile, isLasting, let folder, let temporary else { return Entry(run: run, path: nil) }
    let path = "\(folder)/\(name)\(Self.suffix)"
    guard (try? memory.synchronize(subject: temporary)) != nil, rename(temporary, path) == 0 else {
      unlink(temporary)
      return Entry(run: run, path: nil)
    }
    return Entry(run: run, path: path)
  }

  private func file(_ path: String, size: Int) throws -> MappedMemory {
    if let folder {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    do {
      return try MappedMemory.create(path, size: size)
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Chooses runs that are best merged: the smallest, as long as the next one is not much larger than they are together.
  /// So there are few runs, and each chunk is copied a few times only.
  static func worthMerging(_ sizes: [Int]) -> [Int] {
    guard sizes.count > runLimit else { return [] }
    let ascending = sizes.indices.sorted { sizes[$0] < sizes[$1] }
    var chosen = [ascending[0]]
    var total = sizes[ascending[0]]
    for index in ascending.dropFirst() where sizes[index] <= total * 2 || sizes.count - chosen.count >= runLimit {
      chosen.append(index)
      total += sizes[index]
    }
    return chosen
  }

  private static let runLimit = 6
}
