import CofferStorage
import CofferSystem

/// A pack being put together in memory. Used by one thread at a time.
final class PackBuilder {
  let kind: PackKind
  private let header: [UInt8]
  private let cipher: AuthenticatedCipher
  private var memory: OwnedMemory
  private(set) var length: Int
  private(set) var directory = PackDirectory()

  /// Chunks after which a pack is finished however little it stores, to bound its directory.
  private static let chunkLimit = 1 << 16

  init(header: PackHeader, key: SecretBytes, expectedSize: Int) throws {
    kind = header.kind
    self.header = header.encoded
    cipher = try AuthenticatedCipher(suite: header.suite, key: key)
    // The last block goes beyond the target, and the directory comes behind it; what is never touched takes no memory.
    memory = OwnedMemory(capacity: expectedSize + expectedSize / 8 + 1 << 20)
    length = 0
    append(self.header)
  }

  private var bytes: UnsafeMutableRawBufferPointer { memory.bytes }

  var isEmpty: Bool { directory.blocks.isEmpty }

  func isFull(target: Int) -> Bool {
    length >= target || directory.chunks.count >= Self.chunkLimit
  }

  /// Seals a coded block as the next one of the pack.
  func append(_ block: PendingBlock, _ coded: PendingBlock.Coded) throws {
    reserve(coded.length + AuthenticatedCipher.tagSize)
    let room = UnsafeMutableRawBufferPointer(rebasing: bytes[length...])
    let count = try header.withUnsafeBytes { header in
      try cipher.seal(
        UnsafeRawBufferPointer(rebasing: block.output[..<coded.length]),
        nonce: UInt64(directory.blocks.count), associatedData: header, into: room)
    }
    length += count
    directory.append(
      storedLength: count, plainLength: block.plainLength, coding: coded.coding,
      prefix: coded.coding == .delta ? block.prefix : [], chunks: block.chunks)
  }

  /// Closes the pack: directory, padding, trailer.
  ///
  /// - Parameter padded: Whether the size is rounded up so that it says little about the content.
  func finish(envelope: Envelope, random: RandomSource, padded: Bool) throws -> FinishedPack {
    var table = ByteWriter()
    table.raw(directory.encoded())
    if padded {
      let size = length + Envelope.overhead + table.bytes.count + PackTrailer.size
      table.zeros(Padding.padme(size) - size)
    }
    let sealed = try envelope.seal(table.bytes, purpose: .directory, context: header, random: random)
    let trailer = PackTrailer(directoryOffset: length, directoryLength: sealed.count)
    reserve(sealed.count + PackTrailer.size)
    append(sealed)
    append(trailer.encoded)
    try check()
    let digest = try ContentHasher.hash(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
    return FinishedPack(
      memory: memory, indexed: IndexedPack(digest: digest, kind: kind, size: length, directory: directory))
  }

  /// Opens every block again: the sealed bytes must authenticate, each at its own place.
  private func check() throws {
    let longest = directory.blocks.map(\.storedLength).max() ?? 0
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: max(longest, 1), alignment: 64)
    defer { scratch.deallocate() }
    for (number, block) in directory.blocks.enumerated() {
      let sealed = UnsafeRawBufferPointer(rebasing: bytes[block.offset..<block.offset + block.storedLength])
      do {
        _ = try header.withUnsafeBytes { header in
          try cipher.open(sealed, nonce: UInt64(number), associatedData: header, into: scratch)
        }
      } catch {
        throw SelfCheckFailed(stage: "encryption")
      }
    }
  }

  private func append(_ part: [UInt8]) {
    part.withUnsafeBytes { part in
      UnsafeMutableRawBufferPointer(rebasing: bytes[length..<length + part.count]).copyMemory(from: part)
    }
    length += part.count
  }

  private func reserve(_ count: Int) {
    guard length + count > bytes.count else { return }
    let larger = OwnedMemory(capacity: max(bytes.count * 2, length + count))
    larger.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
    memory = larger
  }
}

/// A pack that is ready to be stored.
struct FinishedPack: Sendable {
  fileprivate let memory: OwnedMemory
  let indexed: IndexedPack

  /// The whole pack; valid as long as this value lives.
  var content: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory.bytes[..<indexed.size]) }
}

/// Rounding sizes up so that they say less.
enum Padding {
  /// Returns the next size that PADMÉ allows: at most 12 % more, and O(log log n) bits of information
  /// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019).
  static func padme(_ size: Int) -> Int {
    let most = most(of: size)
    return (size + most) & ~most
  }

  /// Returns how many bytes PADMÉ may have added to come to a size: one less than a power of two.
  static func most(of size: Int) -> Int {
    guard size > 2 else { return 0 }
    let exponent = Int.bitWidth - 1 - size.leadingZeroBitCount
    let bits = Int.bitWidth - exponent.leadingZeroBitCount
    return (1 << (exponent - bits)) - 1
  }
}
