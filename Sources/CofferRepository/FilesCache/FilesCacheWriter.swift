import CofferSystem

/// Writes the file of a files cache anew, beside the one there is. A cache that cannot be written is none: what fails ends
/// in nothing being published. Used by one thread at a time.
final class FilesCacheWriter {
  private let file: CacheFolder.NewFile
  private let cipher: FilesCacheCipher
  private var block = ByteWriter()
  private var body = ByteWriter()
  private var facts = ByteWriter()
  private var sizes: [Int] = []
  private var entryCount = 0
  private var packs: [Digest256] = []
  private var numbers: [Digest256: UInt32] = [:]
  private var isBroken = false

  /// - Returns: nil when there can be no file.
  /// - Throws: `CryptographyError`; what the source of randomness throws.
  init?(
    _ folder: CacheFolder, _ name: EntryName, suite: CipherSuite, key: SecretBytes, random: RandomSource
  ) throws {
    let nonce = try random.bytes(FilesCacheLayout.nonceSize)
    cipher = try FilesCacheCipher(suite: suite, key: key, nonce: nonce)
    guard let file = folder.newFile(name) else { return nil }
    self.file = file
    write(FilesCacheLayout.header(nonce: nonce))
  }

  func key(of place: ItemPath) -> ChunkID { cipher.key(of: place) }

  /// - Parameters:
  ///   - entry: Its packs are not looked at.
  ///   - packs: Those that hold what it names.
  func add(_ key: ChunkID, _ entry: FilesCacheEntry, in packs: some Sequence<Digest256>) {
    facts.removeAll()
    entry.encodeFacts(into: &facts)
    facts.bytes.withUnsafeBytes { add(key, $0, in: packs.map(number)) }
  }

  /// - Parameters:
  ///   - facts: Of an entry, encoded.
  ///   - packs: By their numbers.
  func add(_ key: ChunkID, _ facts: UnsafeRawBufferPointer, in packs: some Collection<UInt32>) {
    guard !isBroken else { return }
    body.removeAll()
    body.raw(facts)
    FilesCacheEntry.encode(packs, into: &body)
    block.id(key)
    block.counted(body.bytes)
    entryCount += 1
    if block.bytes.count >= FilesCacheLayout.blockSize { endBlock() }
  }

  /// The number of a pack in the file, in which it gets a place.
  func number(of pack: Digest256) -> UInt32 {
    if let known = numbers[pack] { return known }
    let number = UInt32(packs.count)
    packs.append(pack)
    numbers[pack] = number
    return number
  }

  private func endBlock() {
    guard let sealed = try? cipher.sealed(block.bytes, number: UInt64(sizes.count)),
      sealed.count <= FilesCacheLayout.blockLimit
    else {
      isBroken = true
      return
    }
    sizes.append(sealed.count)
    write(sealed)
    block.removeAll()
  }

  private func write(_ bytes: [UInt8]) {
    guard !isBroken else { return }
    if !file.write(bytes) { isBroken = true }
  }

  /// Ends the file and puts it in the place of the one that was there.
  func publish() {
    if !block.bytes.isEmpty { endBlock() }
    var directory = ByteWriter()
    directory.varint(entryCount)
    directory.varint(packs.count)
    for pack in packs { directory.digest(pack) }
    directory.varint(sizes.count)
    for size in sizes { directory.varint(size) }
    guard let sealed = try? cipher.sealed(directory.bytes, number: FilesCacheLayout.lastNumber),
      sealed.count <= FilesCacheLayout.directoryLimit
    else { return }
    write(sealed)
    var end = ByteWriter()
    end.fixed(UInt64(sealed.count))
    write(end.bytes)
    if !isBroken { file.publish() }
  }
}
