import CofferRepository
import CofferStorage
import CofferSystem
import Foundation

/// How fast the stages of a backup are, each by itself on one thread: what `contrib/benchmark` asks.
struct StageSpeeds {
  struct Speed {
    let name: String
    /// What went in.
    let bytes: Int
    let seconds: Double
  }

  /// In the order in which a backup's bytes come by.
  private(set) var stages: [Speed] = []

  private static let sampleLimit = 256 << 20
  private static let packSize = 32 << 20

  /// Measures all stages.
  ///
  /// - Parameters:
  ///   - path: A file, the first 256 MiB of which are taken.
  ///   - folder: Where packs are written; it is left there.
  init(sample path: String, folder: String) throws {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.sampleLimit, alignment: 64)
    defer { room.deallocate() }
    // Else the system would hand out the memory while the first stage is being measured.
    room.initializeMemory(as: UInt8.self, repeating: 0)
    let sample = UnsafeRawBufferPointer(rebasing: room[..<(try read(path, into: room))])
    let chunks = try cut(sample)
    look(up: hash(chunks))
    let coded = try compress(sample)
    try seal(coded)
    try write(coded, to: folder)
  }

  private mutating func measure(_ name: String, bytes: Int, _ body: () throws -> Void) rethrows {
    let duration = try ContinuousClock().measure(body)
    stages.append(Speed(name: name, bytes: bytes, seconds: duration / .seconds(1)))
  }

  private mutating func read(_ path: String, into room: UnsafeMutableRawBufferPointer) throws -> Int {
    let file = try FileDescriptor(opening: path, flags: O_RDONLY)
    let count = min(room.count, Int(try file.status(subject: path).st_size))
    try measure("read", bytes: count) {
      var filled = 0
      while filled < count {
        let piece = room[filled..<min(count, filled + ReadAhead.pieceSize)]
        filled += try file.read(into: UnsafeMutableRawBufferPointer(rebasing: piece), subject: path)
      }
    }
    return count
  }

  private mutating func cut(_ sample: UnsafeRawBufferPointer) throws -> [UnsafeRawBufferPointer] {
    let chunker = try Chunker(parameters: .standard, key: Self.key)
    var chunks: [UnsafeRawBufferPointer] = []
    measure("chunk", bytes: sample.count) {
      var position = 0
      while position < sample.count {
        let rest = UnsafeRawBufferPointer(rebasing: sample[position...])
        let length = chunker.nextChunkLength(in: rest)
        chunks.append(UnsafeRawBufferPointer(rebasing: rest[..<length]))
        position += length
      }
    }
    return chunks
  }

  private mutating func hash(_ chunks: [UnsafeRawBufferPointer]) -> [(id: ChunkID, count: Int)] {
    let hasher = ChunkHasher(key: Self.key)
    var ids: [(id: ChunkID, count: Int)] = []
    measure("hash", bytes: chunks.reduce(0) { $0 + $1.count }) {
      ids = chunks.map { (hasher.id(of: $0), $0.count) }
    }
    return ids
  }

  private mutating func look(up chunks: [(id: ChunkID, count: Int)]) {
    let index = ChunkIndex()
    for chunk in chunks { _ = index.claim(chunk.id) }
    measure("look up", bytes: chunks.reduce(0) { $0 + $1.count }) {
      for chunk in chunks { _ = index.claim(chunk.id) }
    }
  }

  private mutating func compress(_ sample: UnsafeRawBufferPointer) throws -> [[UInt8]] {
    let compressor = try BlockCompressor()
    let blocks = stride(from: 0, to: sample.count, by: BlockFiller.target).map {
      UnsafeRawBufferPointer(rebasing: sample[$0..<min(sample.count, $0 + BlockFiller.target)])
    }
    var coded: [[UInt8]] = []
    try measure("compress", bytes: sample.count) {
      coded = try blocks.map { block in
        try [UInt8](unsafeUninitializedCapacity: BlockCompressor.bound(block.count)) { output, count in
          count = try compressor.compress(
            block, prefix: nil, level: 3, into: UnsafeMutableRawBufferPointer(output))
        }
      }
    }
    return coded
  }

  private mutating func seal(_ blocks: [[UInt8]]) throws {
    let cipher = try AuthenticatedCipher(suite: .aes256gcm, key: Self.key)
    try measure("seal", bytes: blocks.reduce(0) { $0 + $1.count }) {
      for (number, block) in blocks.enumerated() {
        _ = try cipher.sealed(block, nonce: UInt64(number), associatedData: [])
      }
    }
  }

  private mutating func write(_ blocks: [[UInt8]], to folder: String) throws {
    let store = LocalDirectoryStore(root: folder)
    try store.makePlace(cancellation: nil)
    let bytes = [UInt8](blocks.joined())
    try measure("write", bytes: bytes.count) {
      for position in stride(from: 0, to: bytes.count, by: Self.packSize) {
        guard let name = ObjectName("packs/\(position)") else { continue }
        let pack = [UInt8](bytes[position..<min(bytes.count, position + Self.packSize)])
        try store.put(name, pack, cancellation: nil)
      }
    }
  }

  private static let key = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
}
