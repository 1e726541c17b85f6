import CofferSystem
import Foundation

/// What an index of many chunks costs: a synthetic run in a file, looked up in as a backup does.
package struct IndexScale {
  package struct Figures {
    package let chunkCount: Int
    package let fileSize: Int
    /// To make the run.
    package let buildSeconds: Double
    /// To map it again and check its tables, as every run of the program does.
    package let openSeconds: Double
    /// A lookup: of the chunk behind the one before, of any known one, and of an unknown one.
    package let followingNanoseconds: Double
    package let knownNanoseconds: Double
    package let unknownNanoseconds: Double
    /// Bytes of memory that no file stands behind, at the end.
    package let anonymousMemory: Int
  }

  private static let chunksPerBlock = 64
  private static let blocksPerPack = 64
  private static let lookups = 2_000_000

  /// Makes a run of this many chunks below the folder, measures, and removes it.
  package static func measure(chunkCount: Int, folder: String) throws -> Figures {
    let clock = Clock.system
    let path = "\(folder)/scale-\(UInt64.random(in: 0 ... .max)).index"
    defer { unlink(path) }
    let packSize = chunksPerBlock * blocksPerPack
    let count = max(chunkCount / packSize, 1) * packSize
    let layout = IndexRunLayout(
      sourceCount: 0, packCount: count / packSize, blockCount: count / chunksPerBlock, chunkCount: count)
    guard let layout else { throw SystemError(call: "measure", subject: path, code: EINVAL) }
    let start = clock.steadySeconds()
    try build(layout, path)
    let built = clock.steadySeconds()
    guard let run = IndexRun(try MappedMemory.read(path)) else {
      throw SystemError(call: "read", subject: path, code: EILSEQ)
    }
    let opened = clock.steadySeconds()
    let index = ChunkIndex(runs: [run])
    func nanoseconds(_ isRight: (Int) -> Bool) -> Double {
      let start = clock.steadySeconds()
      for number in 0..<lookups where !isRight(number) {
        preconditionFailure("the index does not know what it holds")
      }
      return (clock.steadySeconds() - start) / Double(lookups) * 1e9
    }
    var cursor = IndexCursor()
    let following = nanoseconds { number in
      let id = id(number % count)
      guard let next = cursor.follower(0), next.id == id else { return cursor.moves(to: index.claim(id)) }
      cursor.move(to: next)
      return true
    }
    let known = nanoseconds { cursor.moves(to: index.claim(id(Int(mix(UInt64($0)) % UInt64(count))))) }
    let unknown = nanoseconds { index.presence(of: id(count + $0)) == .unknown }
    return Figures(
      chunkCount: count, fileSize: layout.size, buildSeconds: built - start, openSeconds: opened - built,
      followingNanoseconds: following, knownNanoseconds: known, unknownNanoseconds: unknown,
      anonymousMemory: anonymousMemory())
  }

  private static func build(_ layout: IndexRunLayout, _ path: String) throws {
    var builder = IndexRunBuilder(
      layout, in: try MappedMemory.create(path, size: layout.size),
      signer: KeyID([UInt8](repeating: 0, count: KeyID.size)), sources: [])
    var ids = [UInt64](repeating: 0, count: chunksPerBlock * 2)
    let lengths = [UInt32](repeating: 8192, count: chunksPerBlock)
    for pack in 0..<layout.packCount {
      let digest = withUnsafeBytes(of: (mix(1), mix(2), mix(3), UInt64(pack))) { Digest256($0) }
      builder.addPack(.init(digest: digest, kind: .data, size: 1, plainSize: 1))
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
    _ = try builder.finish()
  }

  private static func id(_ number: Int) -> ChunkID {
    withUnsafeBytes(of: (mix(UInt64(number)), mix(~UInt64(number)))) { ChunkID($0) }
  }

  /// SplitMix64's finalizer (Steele, Lea, Flood 2014): different numbers give different, evenly spread words.
  private static func mix(_ number: UInt64) -> UInt64 {
    var word = number &+ 0x9e37_79b9_7f4a_7c15
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  private static func anonymousMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }
}

extension IndexCursor {
  /// - Returns: Whether the chunk was known.
  fileprivate mutating func moves(to claim: ChunkIndex.Claim) -> Bool {
    guard case .stored(let place) = claim else { return false }
    move(to: place)
    return true
  }
}
