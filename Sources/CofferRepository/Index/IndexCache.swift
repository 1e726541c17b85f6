import CofferSystem
import Glibc

/// The local cache of index runs: files that save reading the repository's index objects again, and the memory that they
/// would take. Each of them may be deleted at any time, and none is believed that the repository's key has not made.
package struct IndexCache: Sendable {
  /// A run and the file that it is in; nil for memory without a file.
  package struct Entry: Sendable {
    package let run: IndexRun
    let name: EntryName?
  }

  /// A file of the cache is not what was written.
  struct Damaged: Error {}

  private let folder: CacheFolder?
  /// Whether there are files at all.
  var isLasting: Bool { folder != nil }
  private let key: SecretBytes
  private let random: RandomSource
  private let didFindDamage: @Sendable () -> Void

  /// - Parameters:
  ///   - folder: nil for runs in memory only.
  ///   - key: 32 bytes that only the repository's keys give.
  ///   - didFindDamage: Told of files that are not what was written; they are removed.
  init(
    folder: CacheFolder?, key: SecretBytes, random: RandomSource, didFindDamage: @escaping @Sendable () -> Void = {}
  ) {
    self.folder = folder
    self.key = key
    self.random = random
    self.didFindDamage = didFindDamage
  }

  /// Without files.
  static func inMemory(random: RandomSource = .system) -> IndexCache {
    IndexCache(folder: nil, key: SecretBytes(copying: [UInt8](repeating: 0, count: 32)), random: random)
  }

  private static let suffix = ".index"
  private static let unfinishedSuffix = ".new"

  /// Returns the runs there are. Files that should be runs and are not are removed, and what killed programs have left.
  package func entries() -> [Entry] {
    guard let folder else { return [] }
    return folder.names().compactMap { name in
      if name.bytes.reversed().starts(with: Self.unfinishedSuffix.utf8.reversed()) { folder.removeAbandoned(name) }
      guard name.bytes.reversed().starts(with: Self.suffix.utf8.reversed()) else { return nil }
      return open(name)
    }
  }

  private func open(_ name: EntryName) -> Entry? {
    guard let folder else { return nil }
    let report = didFindDamage
    if let (file, size) = folder.open(name) {
      let opened = try? run(of: file, fileSize: size) {
        folder.remove(name)
        report()
      }
      if let opened { return Entry(run: opened, name: name) }
    }
    folder.remove(name)
    return nil
  }

  private func run(
    of file: CacheFolder.File, fileSize: Int, _ didFindDamage: @escaping @Sendable () -> Void
  ) throws -> IndexRun? {
    guard let start = file.start(IndexRunLayout.headerSize),
      start.withUnsafeBytes({ $0.loadUnaligned(as: UInt64.self) }) == IndexRunLayout.magic
    else { return nil }
    // Bytes of the pages, from that of pages and codes together.
    let stride = IndexPageCodes.pageSize + IndexPageCodes.codeSize
    guard fileSize > 0, fileSize.isMultiple(of: stride) else {
      didFindDamage()
      return nil
    }
    let nonce = Array(start[IndexRunLayout.Field.nonce..<IndexRunLayout.Field.nonce + 16])
    let size = fileSize / stride * IndexPageCodes.pageSize
    let pages = IndexPages.file(
      try IndexPageFile(
        file.take(), size: size, codes: try IndexPageCodes(key: key, run: nonce), didFindDamage: didFindDamage))
    guard let run = IndexRun(pages, size: size) else {
      didFindDamage()
      return nil
    }
    return run
  }

  func remove(_ entry: Entry) {
    if let name = entry.name { folder?.remove(name) }
  }

  /// Makes a run of packs.
  ///
  /// - Parameter isLasting: Whether the run is for later programs, too.
  func make(
    of packs: [IndexedPack], signer: KeyID, sources: [IndexSource], isLasting: Bool = true
  ) throws -> Entry? {
    let blockCounts = packs.map { ($0.entries.last?.block ?? -1) + 1 }
    let layout = IndexRunLayout(
      sourceCount: sources.count, packCount: packs.count, baseCount: packs.reduce(0) { $0 + ($1.bases?.count ?? 0) },
      blockCount: blockCounts.reduce(0, +), chunkCount: packs.reduce(0) { $0 + $1.entries.count })
    return try make(layout, signer, sources, isLasting) { builder in
      for (pack, blockCount) in zip(packs, blockCounts) {
        builder.addPack(
          .init(digest: pack.digest, kind: pack.kind, size: pack.size, plainSize: pack.plainSize, signer: pack.signer),
          bases: pack.bases ?? [])
        var rest = pack.entries[...]
        for block in 0..<blockCount {
          let entries = rest.prefix { $0.block == block }
          rest = rest.dropFirst(entries.count)
          var ids = ByteWriter()
          for entry in entries { ids.id(entry.id) }
          let lengths = entries.map { UInt32(clamping: $0.length) }
          ids.bytes.withUnsafeBytes { ids in lengths.withUnsafeBytes { builder.addBlock(ids, lengths: $0) } }
        }
      }
    }
  }

  /// Makes one run of several of the same signer; of a pack that several have the first counts.
  ///
  /// - Throws: `Damaged`; `SystemError`.
  func merge(_ runs: [IndexRun], isLasting: Bool = true) throws -> Entry? {
    var seen: Set<Digest256> = []
    let parts = runs.flatMap { run in
      let bases = Dictionary(grouping: run.bases, by: \.pack).mapValues { $0.map(\.base) }
      return (0..<run.layout.packCount).compactMap { number in
        seen.insert(run.pack(number).digest).inserted ? (run: run, number: number, bases: bases[number] ?? []) : nil
      }
    }
    let sources = Array(Set(runs.flatMap(\.sources))).sorted()
    let blocks = parts.map { $0.run.blocks(ofPack: $0.number) }
    let layout = IndexRunLayout(
      sourceCount: sources.count, packCount: parts.count, baseCount: parts.reduce(0) { $0 + $1.bases.count },
      blockCount: blocks.reduce(0) { $0 + $1.count },
      chunkCount: zip(parts, blocks).reduce(0) { sum, part in
        sum + part.1.reduce(0) { $0 + part.0.run.chunks(ofBlock: $1).count }
      })
    guard let signer = runs.first?.signer else { return nil }
    return try make(layout, signer, sources, isLasting) { builder in
      for (part, blocks) in zip(parts, blocks) {
        builder.addPack(part.run.pack(part.number), bases: part.bases)
        for block in blocks {
          let chunks = part.run.chunks(ofBlock: block)
          guard let ids = part.run.idBytes(chunks), let lengths = part.run.lengthBytes(chunks) else { throw Damaged() }
          ids.withUnsafeBytes { ids in lengths.withUnsafeBytes { builder.addBlock(ids, lengths: $0) } }
        }
      }
    }
  }

  private func make(
    _ layout: IndexRunLayout?, _ signer: KeyID, _ sources: [IndexSource], _ isLasting: Bool,
    fill: (inout IndexRunBuilder) throws -> Void
  ) throws -> Entry? {
    guard let layout else { return nil }
    let text = Hexadecimal.encode(try random.bytes(8))
    let nonce = try random.bytes(16)
    let temporary = EntryName(text + Self.unfinishedSuffix)
    // A cache that cannot be written is no reason to fail: memory will do.
    let file = try? folder?.newFile(temporary, size: IndexPageFile.fileSize(layout.size))
    let memory = try file ?? MappedMemory.anonymous(size: layout.size)
    var isKept = false
    defer { if file != nil, !isKept { folder?.remove(temporary) } }
    var builder = IndexRunBuilder(layout, in: memory, signer: signer, sources: sources, nonce: nonce)
    try fill(&builder)
    let isFile = file != nil && isLasting
    guard let run = try builder.finish(isFile ? try IndexPageCodes(key: key, run: nonce) : nil) else { return nil }
    guard isFile, let folder else { return Entry(run: run, name: nil) }
    let name = EntryName(text + Self.suffix)
    isKept =
      (try? memory.synchronize(subject: text)) != nil && folder.rename(temporary, to: name)
    // From here on the file may be cut short by anybody; it is read, no longer mapped.
    return isKept ? open(name) ?? Entry(run: run, name: nil) : Entry(run: run, name: nil)
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

  /// Chooses the smallest runs that are together no more than one small file: two are worth it already.
  static func worthOneFile(_ sizes: [Int]) -> [Int] {
    var total = 0
    let chosen = sizes.indices.sorted { sizes[$0] < sizes[$1] }.prefix {
      total += sizes[$0]
      return total <= smallLimit
    }
    return chosen.count > 1 ? Array(chosen) : []
  }

  /// Chunks of a small file, which takes two megabytes: each session may write it anew.
  private static let smallLimit = 1 << 16
}
