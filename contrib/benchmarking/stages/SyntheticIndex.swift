import CofferRepository
import CofferStorage
import CofferSystem
import Foundation

/// A repository that says it has any number of chunks: an index run in this machine's cache, an index object that the run
/// was made of, and files of one byte for its packs.
struct SyntheticIndex {
  let repository: Repository
  let chunkCount: Int

  private static let chunksPerBlock = 64
  private static let blocksPerPack = 192

  /// Makes the repository and its cache below a folder.
  ///
  /// - Parameter chunkCount: Rounded to full packs.
  init(chunkCount: Int, folder: String) throws {
    let packSize = Self.chunksPerBlock * Self.blocksPerPack
    let packCount = max(chunkCount / packSize, 1)
    self.chunkCount = packCount * packSize
    repository = try Repository.create(
      in: LocalDirectoryStore(root: folder + "/repository"), options: CreationOptions(passphraseCost: 10),
      passphrase: SecretBytes(passphrase: "scale"),
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: folder, cacheFolder: folder + "/cache",
        workers: ProcessInfo.processInfo.activeProcessorCount))
    let context = repository.context
    let object = try context.envelope.seal(
      IndexSegment.encode([]), purpose: .index, context: [], random: context.random)
    let source = try object.withUnsafeBytes { try ContentHasher.hash($0) }
    if let name = IndexSegment.objectName(source) { try context.store.put(name, object) }
    try Self.makePacks(packCount, in: folder + "/repository")
    let cache = "\(folder)/cache/\(context.header.id)"
    let layout = IndexRunLayout(
      sourceCount: 1, packCount: packCount, blockCount: packCount * Self.blocksPerPack, chunkCount: self.chunkCount)
    guard let layout else { throw SystemError(call: "measure", subject: cache, code: EINVAL) }
    try Self.build(layout, cache, context, source: source)
  }

  /// The chunk of a number; those from `chunkCount` on are unknown.
  static func id(_ number: Int) -> ChunkID {
    withUnsafeBytes(of: (mix(UInt64(number)), mix(~UInt64(number)))) { ChunkID($0) }
  }

  /// SplitMix64's finalizer (Steele, Lea, Flood 2014): different numbers give different, evenly spread words.
  static func mix(_ number: UInt64) -> UInt64 {
    var word = number &+ 0x9e37_79b9_7f4a_7c15
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  private static func digest(_ pack: Int) -> Digest256 {
    let pack = UInt64(pack)
    return withUnsafeBytes(of: (mix(pack), mix(pack &+ 1), mix(~pack), pack)) { Digest256($0) }
  }

  private static func makePacks(_ count: Int, in folder: String) throws {
    for pack in 0..<count {
      guard let name = digest(pack).packName else { continue }
      let path = "\(folder)/\(name.path)"
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      guard FileManager.default.createFile(atPath: path, contents: Data([0])) else {
        throw SystemError(call: "create", subject: path)
      }
    }
  }

  private static func build(
    _ layout: IndexRunLayout, _ path: String, _ context: RepositoryContext, source: Digest256
  ) throws {
    guard let folder = CacheFolder(path) else { throw SystemError(call: "open", subject: path) }
    let nonce = try context.random.bytes(16)
    let memory = try folder.newFile("synthetic.index", size: IndexPageFile.fileSize(layout.size))
    var builder = IndexRunBuilder(
      layout, in: memory, signer: context.keys.id, sources: [IndexSource(source)], nonce: nonce)
    var ids = [UInt64](repeating: 0, count: chunksPerBlock * 2)
    let lengths = [UInt32](repeating: 8192, count: chunksPerBlock)
    for pack in 0..<layout.packCount {
      builder.addPack(.init(digest: digest(pack), kind: .data, size: 0, plainSize: 1), bases: [])
      for block in 0..<blocksPerPack {
        let first = (pack * blocksPerPack + block) * chunksPerBlock
        for number in 0..<chunksPerBlock {
          id(first + number).withUnsafeBytes { bytes in
            ids[number * 2] = bytes.loadUnaligned(as: UInt64.self)
            ids[number * 2 + 1] = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          }
        }
        ids.withUnsafeBytes { ids in lengths.withUnsafeBytes { builder.addBlock(ids, lengths: $0) } }
      }
    }
    _ = try builder.finish(try IndexPageCodes(key: try context.cacheKey(), run: nonce))
  }
}
