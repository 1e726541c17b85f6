import CofferSystem

/// The file of a files cache as an earlier run has left it. Nothing of it is believed that the repository's key has not made,
/// also not what was right when it was opened. Used by one thread at a time.
final class FilesCacheFile {
  /// It is not what was written.
  struct Damaged: Error {}

  /// Which packs the entries name, by number.
  let packs: [Digest256]
  private let file: CacheFolder.File
  private let cipher: FilesCacheCipher
  /// Where each block begins, and where the last one ends.
  private let starts: [Int]
  private var table: SlotTable
  private var recent: [(number: Int, bytes: [UInt8])] = []

  /// Files are mostly asked for in the order in which they were: few blocks are in use at a time.
  private static let recentLimit = 8

  /// Opens a file and looks through it once.
  ///
  /// - Throws: `Damaged`; `CryptographyError`.
  init(_ file: CacheFolder.File, size: Int, suite: CipherSuite, key: SecretBytes) throws {
    self.file = file
    let layout = FilesCacheLayout.self
    guard let header = file.start(layout.headerSize),
      let nonce = layout.nonce(in: header)
    else { throw Damaged() }
    cipher = try FilesCacheCipher(suite: suite, key: key, nonce: nonce)
    let directory = try Self.directory(file, size, cipher)
    packs = directory.packs
    starts = directory.starts
    table = SlotTable(count: directory.entryCount)
    for number in 0..<starts.count - 1 {
      try Self.forEachEntry(of: try block(number)) { table.add($0, block: number, offset: $1) }
    }
  }

  private static func directory(
    _ file: CacheFolder.File, _ size: Int, _ cipher: FilesCacheCipher
  ) throws -> (packs: [Digest256], starts: [Int], entryCount: Int) {
    let layout = FilesCacheLayout.self
    let end = size - layout.endSize
    guard end >= layout.headerSize, let tail = file.bytes(end..<size) else {
      throw Damaged()
    }
    let length = UInt64(littleEndian: tail.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    guard length <= UInt64(min(end - layout.headerSize, layout.directoryLimit)),
      let sealed = file.bytes(end - Int(length)..<end),
      let bytes = cipher.opened(sealed, number: layout.lastNumber)
    else { throw Damaged() }
    do {
      return try bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        let entryCount = try reader.length(limit: size / ChunkID.size)
        var packs: [Digest256] = []
        for _ in 0..<(try reader.count(elementSize: Digest256.size)) { packs.append(try reader.digest()) }
        var starts = [layout.headerSize]
        for _ in 0..<(try reader.count(elementSize: 1)) {
          starts.append(starts[starts.count - 1] + (try reader.length(limit: layout.blockLimit)))
        }
        try reader.finish()
        guard starts.last == end - Int(length) else { throw Damaged() }
        return (packs, starts, entryCount)
      }
    } catch is ByteReader.Malformed {
      throw Damaged()
    }
  }

  // MARK: - Asking

  func key(of place: ItemPath) -> ChunkID { cipher.key(of: place) }

  /// - Throws: `Damaged`.
  func entry(_ key: ChunkID) throws -> FilesCacheEntry? {
    for place in table.places(of: key) {
      let bytes = try block(place.block)
      if let entry = try Self.entry(key, in: bytes, at: place.offset) { return entry }
    }
    return nil
  }

  /// Takes note that nobody needs to keep a file's entry for this run.
  func forget(_ key: ChunkID) { table.mark(key) }

  /// Calls `body` with the entries that nobody has forgotten, in their order.
  ///
  /// - Throws: `Damaged`; what `body` throws.
  func forEachLeft(_ body: (ChunkID, FilesCacheEntry) throws -> Void) throws {
    for number in 0..<starts.count - 1 {
      let bytes = try block(number)
      try Self.forEachEntry(of: bytes) { key, offset in
        guard !table.isMarked(key), let entry = try Self.entry(key, in: bytes, at: offset) else { return }
        try body(key, entry)
      }
    }
  }

  // MARK: - Blocks

  private func block(_ number: Int) throws -> [UInt8] {
    if let known = recent.last(where: { $0.number == number }) { return known.bytes }
    guard let sealed = file.bytes(starts[number]..<starts[number + 1]),
      let bytes = cipher.opened(sealed, number: UInt64(number))
    else { throw Damaged() }
    if recent.count == Self.recentLimit { recent.removeFirst() }
    recent.append((number, bytes))
    return bytes
  }

  private static func forEachEntry(of block: [UInt8], _ body: (ChunkID, Int) throws -> Void) throws {
    do {
      try block.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        while reader.remaining > 0 {
          let offset = reader.offset
          let key = try reader.id()
          _ = try reader.raw(try reader.length(limit: reader.remaining))
          try body(key, offset)
        }
      }
    } catch is ByteReader.Malformed {
      throw Damaged()
    }
  }

  /// - Returns: nil when another file's entry is there.
  private static func entry(_ key: ChunkID, in block: [UInt8], at offset: Int) throws -> FilesCacheEntry? {
    do {
      return try block.withUnsafeBytes { bytes in
        guard offset < bytes.count else { throw Damaged() }
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
        guard try reader.id() == key else { return nil }
        var body = ByteReader(try reader.raw(try reader.length(limit: reader.remaining)))
        let entry = try FilesCacheEntry(from: &body)
        try body.finish()
        guard entry.isConsistent else { throw Damaged() }
        return entry
      }
    } catch is ByteReader.Malformed {
      throw Damaged()
    }
  }
}

/// Where entries are, by their keys: an open-addressing table of 8 bytes a slot, at most two thirds of them used.
private struct SlotTable {
  /// The block's number and one (24 bits), the offset in it (16), and a part of the key (24); 0 for none.
  private var slots: [UInt64]
  private var marks: [Bool]

  private static let blockLimit = 1 << 24 - 1
  private static let tagMask: UInt64 = 0xff_ffff

  init(count: Int) {
    slots = [UInt64](repeating: 0, count: count + count / 2 + 8)
    marks = [Bool](repeating: false, count: slots.count)
  }

  // Keys are uniformly distributed, and nobody without the repository's key chooses them.
  private func firstSlot(of key: ChunkID) -> Int {
    Int(key.word.multipliedFullWidth(by: UInt64(slots.count)).high)
  }

  mutating func add(_ key: ChunkID, block: Int, offset: Int) {
    guard block < Self.blockLimit, offset < 1 << 16 else { return }
    var slot = firstSlot(of: key)
    for _ in slots.indices {
      if slots[slot] == 0 {
        slots[slot] = UInt64(block + 1) << 40 | UInt64(offset) << 24 | key.rest & Self.tagMask
        return
      }
      slot = slot + 1 < slots.count ? slot + 1 : 0
    }
  }

  /// The places that may be the key's, the first that was added first.
  func places(of key: ChunkID) -> [(block: Int, offset: Int)] {
    var places: [(block: Int, offset: Int)] = []
    forEachSlot(of: key) { slot in
      places.append((Int(slots[slot] >> 40) - 1, Int(slots[slot] >> 24 & 0xffff)))
    }
    return places
  }

  mutating func mark(_ key: ChunkID) {
    var found: [Int] = []
    forEachSlot(of: key) { found.append($0) }
    // Of several keys that share what is compared, each is marked: the others are only read once more.
    for slot in found { marks[slot] = true }
  }

  func isMarked(_ key: ChunkID) -> Bool {
    var isMarked = false
    forEachSlot(of: key) { if marks[$0] { isMarked = true } }
    return isMarked
  }

  private func forEachSlot(of key: ChunkID, _ body: (Int) -> Void) {
    var slot = firstSlot(of: key)
    for _ in slots.indices {
      guard slots[slot] != 0 else { return }
      if slots[slot] & Self.tagMask == key.rest & Self.tagMask { body(slot) }
      slot = slot + 1 < slots.count ? slot + 1 : 0
    }
  }
}
