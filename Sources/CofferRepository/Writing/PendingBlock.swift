import CofferSystem

/// A block on its way to a pack: filled by a stream's thread, coded by a worker, sealed by the assembler.
final class PendingBlock: @unchecked Sendable {
  // Sound because a block belongs to one thread at a time: it changes hands only through the pipeline's queues,
  // and the assembler waits for `coded` before it looks at what the worker wrote.

  let kind: PackKind
  let content: BlockContent
  private(set) var plainLength = 0
  private(set) var chunks: [BlockChunk] = []
  /// The stretches of full data that the block is to be coded against; empty for a full block.
  var prefix: [PackDirectory.Segment] = []
  /// Whether nothing that is to come will be coded against it, though it were a full block.
  var isNoBase = false
  /// Whether it is searched thoroughly if it is stored in full.
  var isPatient = false

  /// What the worker made of the block.
  struct Coded: Sendable {
    let coding: PackDirectory.Coding
    let length: Int
  }

  let coded = Monitor<Result<Coded, any Error>?>(nil)
  /// The bytes to be sealed; `coded.length` of them are valid once the worker is done.
  let output: UnsafeMutableRawBufferPointer
  private let storage: UnsafeMutableRawBufferPointer
  private let memory: OwnedMemory
  /// Where the memory goes when the block is done; nil where it is not used again.
  private let origin: BlockMemory?

  /// - Parameters:
  ///   - capacity: Plain bytes the block can hold.
  ///   - origin: Gives the memory if that is as much as it gives.
  init(kind: PackKind, content: BlockContent = .any, capacity: Int, from origin: BlockMemory? = nil) {
    self.kind = kind
    self.content = content
    let size = Self.size(ofCapacity: capacity)
    self.origin = origin?.size == size ? origin : nil
    memory = self.origin?.take() ?? OwnedMemory(capacity: size)
    storage = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<capacity])
    output = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[capacity...])
  }

  deinit {
    origin?.give(memory)
  }

  /// Bytes of a block's memory: what it holds, and what becomes of that.
  static func size(ofCapacity capacity: Int) -> Int { capacity + BlockCompressor.bound(capacity) }

  var plain: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: storage[..<plainLength]) }
  var isEmpty: Bool { plainLength == 0 }

  func hasRoom(for count: Int) -> Bool {
    plainLength + count <= storage.count
  }

  /// Adds a stretch to the prefix; one that touches the last is joined with it.
  ///
  /// - Returns: The bytes by which the prefix is longer.
  func lean(on segment: PackDirectory.Segment) -> Int {
    guard let last = prefix.last, last.offset <= segment.offset, let joined = last.joined(with: segment) else {
      prefix.append(segment)
      return segment.length
    }
    prefix[prefix.count - 1] = joined
    return joined.length - last.length
  }

  /// Returns where in the prefix the first byte of a segment is.
  func position(of segment: PackDirectory.Segment) -> Int? {
    // What was added last is looked for first: the edit that asks has added it.
    var end = prefix.reduce(0) { $0 + $1.length }
    for candidate in prefix.reversed() {
      end -= candidate.length
      if candidate.holds(segment) { return end + segment.offset - candidate.offset }
    }
    return nil
  }

  /// Makes a full block of one that was to be coded against a prefix.
  func dropPrefix() {
    prefix = []
    for position in chunks.indices { chunks[position].anchor = 0 }
  }

  /// Copies a chunk's bytes to the end; the caller has checked that there is room.
  func append(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer, anchor: Int = 0) {
    UnsafeMutableRawBufferPointer(rebasing: storage[plainLength..<plainLength + bytes.count])
      .copyMemory(from: bytes)
    plainLength += bytes.count
    chunks.append(BlockChunk(id: id, length: bytes.count, anchor: anchor))
  }
}
