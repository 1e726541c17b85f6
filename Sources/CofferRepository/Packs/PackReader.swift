import CofferStorage
import CofferSystem

/// Reads one pack: its header, directory and blocks. Safe to share between threads; each brings its own scratch.
final class PackReader: Sendable {
  let digest: Digest256
  let name: ObjectName
  let header: PackHeader
  let directory: PackDirectory
  let size: Int
  /// Whose signature the directory carries.
  let signer: Signer
  private let context: RepositoryContext
  /// The same pack on this machine; nil for one that is read from the store.
  private let cached: CachedPack?

  /// Bytes read from the end of a far pack at first, if the index does not tell more: enough for the directory of most packs. Of a
  /// pack on this machine, where asking twice costs nothing, its trailer says what to read.
  static func tailGuess(_ size: Int) -> Int { min(max(256 << 10, size / 32), size) }

  /// Bytes at the end of a pack that hold its directory, of a pack that leans on no other.
  static func tailSize(of size: Int, blocks: Int, chunks: Int) -> Int {
    // What a list says may be any number: no sum of it.
    let most = Padding.most(of: size)
    let padding = size & most == 0 ? most : 0
    let directory = Envelope.overhead + PackDirectory.usualSize(blocks: blocks, chunks: chunks) + padding
    return min(directory + PackTrailer.size, size)
  }

  /// Reads header, trailer and directory.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged` naming the pack; `PackIsFar` where packs are not to be downloaded.
  init(_ digest: Digest256, context: RepositoryContext) throws {
    guard let name = digest.packName else {
      throw RepositoryError.damaged(object: digest.hex, location: context.location, detail: "no pack name")
    }
    self.digest = digest
    self.name = name
    self.context = context
    cached = try context.nearPacks?.open(digest)
    do {
      (size, header, directory, signer) = try Self.open(digest, name, cached, context)
    } catch let error where cached != nil && RunStore.concernsObject(error) {
      context.nearPacks?.forget(digest)
      throw PackIsFar(pack: digest)
    }
  }

  private typealias Opened = (Int, PackHeader, PackDirectory, Signer)

  private static func open(
    _ digest: Digest256, _ name: ObjectName, _ cached: CachedPack?, _ context: RepositoryContext
  ) throws -> Opened {
    if let size = cached?.size { return try open(name, size, tail: PackTrailer.size, cached, context) }
    if let known = context.packSizes[digest] {
      do {
        return try open(name, known.size, tail: known.tail ?? tailGuess(known.size), nil, context)
      } catch let error where RunStore.concernsObject(error) {
        // The list may have been wrong.
        context.packSizes.forget(digest)
      }
    }
    let size = try context.store.status(of: name).size
    return try open(name, size, tail: tailGuess(size), nil, context)
  }

  /// - Parameter tailSize: Bytes of a far pack's end that are read at first.
  private static func open(
    _ name: ObjectName, _ size: Int, tail tailSize: Int, _ cached: CachedPack?, _ context: RepositoryContext
  ) throws -> Opened {
    @Sendable func get(_ range: Range<Int>) throws -> [UInt8] { try bytes(range, of: name, cached, context) }
    let limit = ObjectLimit.pack(target: context.header.packTarget)
    guard size <= limit else { throw StorageError.tooLarge(name, location: context.location, size: size) }
    guard size >= PackHeader.size + PackTrailer.size else { throw context.damaged(name, "it is too short") }
    let tailStart = size - (context.surroundings.isFar ? tailSize : PackTrailer.size)
    let (tail, head) = try context.sideBySide.both(
      { try get(tailStart..<size) }, { try get(0..<PackHeader.size) })
    let trailer = tail.suffix(PackTrailer.size).withUnsafeBytes { PackTrailer(decoding: $0, packSize: size) }
    guard let trailer else { throw context.damaged(name, "its trailer is not in place") }
    guard let header = head.withUnsafeBytes({ PackHeader(decoding: $0) }) else {
      throw context.damaged(name, "its header is not readable")
    }
    let sealed =
      trailer.directoryOffset >= tailStart
      ? Array(tail[(trailer.directoryOffset - tailStart)..<(tail.count - PackTrailer.size)])
      : try get(trailer.directoryOffset..<trailer.directoryOffset + trailer.directoryLength)
    let (directory, signer) = try open(
      sealed, head: head, blocksEnd: trailer.directoryOffset, name: name, context: context)
    return (size, header, directory, signer)
  }

  private static func bytes(
    _ range: Range<Int>, of name: ObjectName, _ cached: CachedPack?, _ context: RepositoryContext
  ) throws -> [UInt8] {
    guard let cached else { return try context.store.get(name, range: range) }
    guard let bytes = cached.bytes(range) else { throw StorageError.truncated(name, location: context.location) }
    return bytes
  }

  /// Whether its bytes come from this machine's cache: what is wrong with them says nothing of the pack.
  var isCached: Bool { cached != nil }

  private static func open(
    _ sealed: [UInt8], head: [UInt8], blocksEnd: Int, name: ObjectName, context: RepositoryContext
  ) throws -> (PackDirectory, Signer) {
    do {
      let (payload, signer) = try context.envelope.open(
        sealed, purpose: .directory, context: head, signers: context.signers)
      let directory = try payload.withUnsafeBytes { try PackDirectory(decoding: $0, blocksEnd: blocksEnd) }
      return (directory, signer)
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(name, error, in: "its directory: ")
    } catch let error as ByteReader.Malformed {
      throw context.damaged(name, "its directory makes no sense at byte \(error.offset)")
    }
  }

  /// Makes what opens the pack's blocks; not to be shared between threads.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `.damaged` when the key commitment does not match.
  func blockOpener() throws -> BlockOpener {
    guard let dataPrivate = context.keys.dataPrivate else {
      throw RepositoryError.needsFullKey(location: context.location, action: "read what was backed up")
    }
    guard let key = try header.key(dataPrivate: dataPrivate) else {
      throw context.damaged(name, "its key commitment does not match")
    }
    return BlockOpener(
      cipher: try AuthenticatedCipher(suite: header.suite, key: key), header: header.encoded)
  }

  /// Returns a block as it is stored, sealed.
  func sealedBlock(_ number: Int) throws -> [UInt8] {
    guard directory.blocks.indices.contains(number) else {
      throw context.damaged(name, "it has no block \(number)")
    }
    let block = directory.blocks[number]
    return try Self.bytes(block.offset..<block.offset + block.storedLength, of: name, cached, context)
  }

  /// Returns a part of the pack as it is stored.
  func sealedBytes(_ range: Range<Int>) throws -> [UInt8] { try Self.bytes(range, of: name, cached, context) }

  /// The error for a block that does not open or decompress.
  func damagedBlock(_ number: Int, _ detail: String) -> RepositoryError {
    context.damaged(name, "block \(number) \(detail)")
  }
}

/// The key of one pack, ready to open its blocks.
final class BlockOpener {
  private let cipher: AuthenticatedCipher
  private let header: [UInt8]

  init(cipher: AuthenticatedCipher, header: [UInt8]) {
    self.cipher = cipher
    self.header = header
  }

  /// Opens a sealed block.
  ///
  /// - Returns: The coded bytes.
  func open(_ sealed: [UInt8], number: Int) throws -> [UInt8] {
    try cipher.opened(sealed, nonce: UInt64(number), associatedData: header)
  }
}
