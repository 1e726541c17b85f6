import CofferSystem
import Glibc
import Synchronization

/// The bytes of an index run: in memory that was just filled, or in a file of the cache, of which no page is believed
/// before it was authenticated. A file is read, not mapped, so that one which is cut short is damage like any other.
enum IndexPages: Sendable {
  case memory(MappedMemory)
  case file(IndexPageFile)

  /// Returns what is at an offset; nil when the page is not what was written.
  ///
  /// - Precondition: The value is within one page.
  func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value? {
    switch self {
    case .memory(let memory): memory.bytes.loadUnaligned(fromByteOffset: offset, as: type)
    case .file(let file): file.load(offset, as: type)
    }
  }

  /// Returns a stretch of bytes over any number of pages; nil when one is not what was written.
  func copy(_ range: Range<Int>) -> [UInt8]? {
    switch self {
    case .memory(let memory): Array(memory.bytes[range])
    case .file(let file): file.copy(range)
    }
  }

  var isDamaged: Bool {
    if case .file(let file) = self { file.isDamaged } else { false }
  }
}

/// Authenticates the pages of index runs: the first 16 bytes of keyed BLAKE3 over the page's number and its bytes, under
/// a key of the run's own.
package struct IndexPageCodes {
  static let pageSize = 4096
  static let codeSize = ChunkID.size
  /// The page's number, in front of its bytes.
  static let prefixSize = 64

  private let hasher: ChunkHasher

  /// - Parameters:
  ///   - key: Of the repository; 32 bytes.
  ///   - run: Random bytes that no other run has.
  package init(key: SecretBytes, run: [UInt8]) throws {
    hasher = ChunkHasher(
      key: try KeyDerivation.hkdf(secret: key, salt: run, label: "coffer index run", count: 32))
  }

  /// - Parameter room: `prefixSize` bytes for the number, and the page.
  func code(ofPage number: Int, in room: UnsafeMutableRawBufferPointer) -> ChunkID {
    room.storeBytes(of: UInt64(number), as: UInt64.self)
    return hasher.id(of: UnsafeRawBufferPointer(room))
  }

  static func pageCount(_ size: Int) -> Int { (size + pageSize - 1) / pageSize }
}

/// A file of pages, each followed up by a code in a table behind them all. Those used last are kept. Safe to use from
/// several threads.
package final class IndexPageFile: Sendable {
  private struct Frames: ~Copyable {
    /// Which page each frame holds; -1 for none.
    var pages: [Int]
    let bytes: MappedMemory
  }

  private static let frameLimit = 8192
  private static let frameSize = IndexPageCodes.pageSize + IndexPageCodes.prefixSize

  private let file: FileDescriptor
  /// Bytes of the pages together.
  private let size: Int
  private let codes: IndexPageCodes
  private let frames: Mutex<Frames>
  private let damaged = Atomic<Bool>(false)
  private let didFindDamage: @Sendable () -> Void

  /// - Parameter didFindDamage: Called once, when a page is not what was written.
  init(
    _ file: consuming FileDescriptor, size: Int, codes: IndexPageCodes, didFindDamage: @escaping @Sendable () -> Void
  ) throws {
    let count = min(IndexPageCodes.pageCount(size), Self.frameLimit)
    frames = Mutex(
      Frames(
        pages: [Int](repeating: -1, count: count), bytes: try .anonymous(size: max(count, 1) * Self.frameSize)))
    self.file = file
    self.size = size
    self.codes = codes
    self.didFindDamage = didFindDamage
  }

  var isDamaged: Bool { damaged.load(ordering: .relaxed) }

  func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value? {
    guard offset >= 0, offset + MemoryLayout<Value>.size <= size else { return damage() }
    let page = offset / IndexPageCodes.pageSize
    let value: Value? = frames.withLock { frames in
      guard let start = frame(of: page, &frames) else { return nil }
      return frames.bytes.bytes.loadUnaligned(
        fromByteOffset: start + offset - page * IndexPageCodes.pageSize, as: type)
    }
    return value ?? damage()
  }

  func copy(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0, range.upperBound <= size else { return damage() }
    var copied: [UInt8] = []
    copied.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let page = offset / IndexPageCodes.pageSize
      let begin = page * IndexPageCodes.pageSize
      let end = min(begin + IndexPageCodes.pageSize, range.upperBound)
      let isRight = frames.withLock { frames in
        guard let start = frame(of: page, &frames) else { return false }
        copied += frames.bytes.bytes[start + offset - begin..<start + end - begin]
        return true
      }
      guard isRight else { return damage() }
      offset = end
    }
    return copied
  }

  /// Where a page's bytes are among the frames.
  private func frame(of page: Int, _ frames: inout Frames) -> Int? {
    let number = page % frames.pages.count
    let start = number * Self.frameSize
    let bytes = start + IndexPageCodes.prefixSize
    if frames.pages[number] == page { return bytes }
    frames.pages[number] = -1
    let room = UnsafeMutableRawBufferPointer(rebasing: frames.bytes.bytes[start..<start + Self.frameSize])
    let plain = UnsafeMutableRawBufferPointer(rebasing: room[IndexPageCodes.prefixSize...])
    let offset = page * IndexPageCodes.pageSize
    let count = min(IndexPageCodes.pageSize, size - offset)
    plain.initializeMemory(as: UInt8.self, repeating: 0)
    guard read(UnsafeMutableRawBufferPointer(rebasing: plain[..<count]), at: offset) else { return nil }
    var stored = ChunkID.zero
    let hasCode = withUnsafeTemporaryAllocation(byteCount: ChunkID.size, alignment: 8) { code in
      guard read(code, at: Self.codesOffset(size) + page * ChunkID.size) else { return false }
      stored = ChunkID(UnsafeRawBufferPointer(code))
      return true
    }
    guard hasCode, codes.code(ofPage: page, in: room) == stored else { return nil }
    frames.pages[number] = page
    return bytes
  }

  private func read(_ room: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    (try? file.fill(room, from: UInt64(offset), subject: "index cache")) == room.count
  }

  private func damage<Value>() -> Value? {
    if !damaged.exchange(true, ordering: .relaxed) { didFindDamage() }
    return nil
  }

  /// Where the codes begin: behind the last page, which is filled up.
  static func codesOffset(_ size: Int) -> Int { IndexPageCodes.pageCount(size) * IndexPageCodes.pageSize }

  package static func fileSize(_ size: Int) -> Int {
    codesOffset(size) + IndexPageCodes.pageCount(size) * IndexPageCodes.codeSize
  }
}
