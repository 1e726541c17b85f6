import CofferStorage
import CofferSystem

/// An object of a log whose directory has been opened: what it holds, and its segments.
struct LogObject {
  let name: LogName
  let directory: LogDirectory
  private let header: LogHeader
  /// Where the first block is.
  private let start: Int
  private let size: Int
  private let context: RepositoryContext

  /// Bytes that are read at first: all of most directories.
  private static let headGuess = 16 << 10
  /// Bytes of sealed blocks that are read at once.
  private static let readSize = 16 << 20

  /// Reads an object's directory, in one request as a rule.
  ///
  /// - Throws: `RepositoryError.damaged`, also for what has been signed by somebody else than the name says; `.unknownKey`;
  ///   `StorageError`; `RunCancelled`.
  init(_ name: LogName, _ status: ObjectStatus, _ context: RepositoryContext) throws {
    let object = name.objectName
    guard status.size <= ObjectLimit.log else {
      throw StorageError.tooLarge(object, location: context.location, size: status.size)
    }
    let head = try context.store.get(object, range: 0..<min(Self.headGuess, status.size))
    guard head.count > LogHeader.size + 4, let header = LogHeader(decoding: head) else {
      throw context.damaged(object, "it does not begin as it should")
    }
    let length = head.withUnsafeBytes {
      Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: LogHeader.size, as: UInt32.self)))
    }
    let start = LogHeader.size + 4 + length
    guard length <= LogDirectory.sizeLimit, start < status.size else {
      throw context.damaged(object, "its directory would be longer than it is")
    }
    let rest = start > head.count ? try context.store.get(object, range: head.count..<start) : []
    let sealed = Array((head + rest)[(LogHeader.size + 4)..<start])
    self.name = name
    self.header = header
    self.start = start
    self.context = context
    size = status.size
    directory = try Self.open(sealed, header, name, context)
    guard size == LogObjectBuilder.paddedSize(start + directory.blockLength) else {
      throw context.damaged(object, "it has not the size that its directory says")
    }
  }

  private static func open(
    _ sealed: [UInt8], _ header: LogHeader, _ name: LogName, _ context: RepositoryContext
  ) throws -> LogDirectory {
    let object = name.objectName
    do {
      let (payload, signer) = try context.envelope.open(
        sealed, purpose: .log, context: header.encoded + Array(object.path.utf8), signers: context.signers)
      guard name.mayBeSigned(by: signer) else {
        throw context.damaged(object, "it is signed by the key \(signer.id), which is not the one of its name")
      }
      let directory = try LogDirectory(
        decoding: payload, count: Int(clamping: name.first.count(to: name.last) ?? 0))
      guard try directory.origin.server.id(context).isSame(as: name.server) else {
        throw context.damaged(object, "it is of another server than its name says")
      }
      return directory
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(object, error)
    } catch is ByteReader.Malformed, is DecodingError {
      throw context.damaged(object, "its directory is not readable")
    }
  }

  /// How the hashes of its segments are made.
  var hashing: SegmentHashing { header.hashing }

  /// The hash of a segment, which is read to its end where its object has another one.
  ///
  /// - Throws: As `read`.
  func hash(ofSegment number: Int, by hashing: SegmentHashing) throws -> Digest256 {
    guard hashing != self.hashing else { return directory.segments[number].hash }
    let hasher = try SegmentHasher(hashing)
    try read(segment: number, try opener()) { try hasher.update($0) }
    return try hasher.finish()
  }

  /// The number of a place's segment; nil for a place that it has not.
  func segment(at place: LogPlace) -> Int? {
    guard name.covers(place), let count = name.first.count(to: place) else { return nil }
    return Int(clamping: count - 1)
  }

  /// Makes what opens its blocks. Used by one thread at a time.
  ///
  /// - Throws: `RepositoryError.needsFullKey`; `.damaged`.
  func opener() throws -> LogOpener {
    guard let dataPrivate = context.keys.dataPrivate else {
      throw RepositoryError.needsFullKey(location: context.location, action: "read a log")
    }
    guard let key = try header.key(dataPrivate: dataPrivate) else {
      throw context.damaged(name.objectName, "its key commitment does not match")
    }
    return try LogOpener(AuthenticatedCipher(suite: header.suite, key: key), header.encoded)
  }

  /// Hands over the bytes of a segment, block by block, and compares their hash behind the last.
  ///
  /// - Throws: `RepositoryError.damaged`, also behind the last block: then none of the bytes may be used; `StorageError`;
  ///   `RunCancelled`; what `take` throws.
  func read(
    segment number: Int, _ opener: LogOpener, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let segment = directory.segments[number]
    let (first, range) = directory.blocks(ofSegment: number)
    let hasher = try SegmentHasher(hashing)
    var (block, position) = (0, start + range.lowerBound)
    while block < segment.blocks.count {
      // As many whole blocks as are read at once.
      var (end, next) = (position, block)
      repeat {
        end += segment.blocks[next].storedLength
        next += 1
      } while next < segment.blocks.count && end + segment.blocks[next].storedLength - position <= Self.readSize
      let sealed = try context.store.get(name.objectName, range: position..<end)
      var offset = 0
      for index in block..<next {
        let length = segment.blocks[index].storedLength
        let plain = LogDirectory.plainLength(ofBlock: index, size: segment.size)
        let outcome = try sealed.withUnsafeBytes { bytes in
          try opener.open(
            UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), number: first + index,
            isCompressed: segment.blocks[index].isCompressed, plainLength: plain
          ) { bytes in
            try hasher.update(bytes)
            try take(bytes)
          }
        }
        guard outcome == .whole else {
          throw context.damaged(name.objectName, "block \(first + index) does not decrypt or decompress")
        }
        offset += length
      }
      (position, block) = (end, next)
    }
    guard try hasher.finish() == segment.hash else {
      throw context.damaged(name.objectName, "segment \(number) is not what was stored")
    }
  }

  /// Reads everything, also the padding.
  ///
  /// - Throws: As `read`.
  func verify() throws {
    let opener = try opener()
    for number in directory.segments.indices { try read(segment: number, opener) { _ in } }
    let sealed = try context.store.get(name.objectName, range: (start + directory.blockLength)..<size)
    let count = directory.segments.reduce(0) { $0 + $1.blocks.count }
    guard let padding = try? opener.padding(sealed, number: count), padding.allSatisfy({ $0 == 0 }) else {
      throw context.damaged(name.objectName, "its padding is not what was stored")
    }
  }
}

extension LogName {
  /// Whether an object of this name counts with the signature of a key.
  func mayBeSigned(by key: Signer) -> Bool {
    switch signer {
    case .writeOnly(let id) where kind != .joined: key.id.description.isSame(as: id)
    default: key.role == .full
    }
  }
}

/// Opens blocks of one object. Used by one thread at a time.
final class LogOpener {
  /// What came of opening a block.
  enum Outcome {
    /// It is what was sealed, and was handed over.
    case whole
    /// It is not what was sealed.
    case notAuthentic
    /// It is what was sealed, and does not decompress to what it should.
    case notCompressed
  }

  private let cipher: AuthenticatedCipher
  private let header: [UInt8]
  private let decompressor: BlockDecompressor
  private var opened = [UInt8](repeating: 0, count: LogDirectory.blockSize)
  private var plain = [UInt8](repeating: 0, count: LogDirectory.blockSize)

  init(_ cipher: AuthenticatedCipher, _ header: [UInt8]) throws {
    self.cipher = cipher
    self.header = header
    decompressor = try BlockDecompressor()
  }

  /// - Returns: What came of it; `take` was called with its bytes if it is whole.
  /// - Throws: What `take` throws.
  func open(
    _ sealed: UnsafeRawBufferPointer, number: Int, isCompressed: Bool, plainLength: Int,
    _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Outcome {
    let count = opened.withUnsafeMutableBytes { room in
      header.withUnsafeBytes {
        try? cipher.open(sealed, nonce: UInt64(number), associatedData: $0, into: room)
      }
    }
    guard let count else { return .notAuthentic }
    guard isCompressed else {
      try opened.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      return .whole
    }
    let isWhole = opened.withUnsafeBytes { coded in
      plain.withUnsafeMutableBytes { room in
        let target = UnsafeMutableRawBufferPointer(rebasing: room[..<plainLength])
        return
          (try? decompressor.decompress(
            UnsafeRawBufferPointer(rebasing: coded[..<count]), prefix: nil, into: target)) != nil
      }
    }
    guard isWhole else { return .notCompressed }
    try plain.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<plainLength])) }
    return .whole
  }

  func padding(_ sealed: [UInt8], number: Int) throws -> [UInt8] {
    try cipher.opened(sealed, nonce: UInt64(number), associatedData: header)
  }
}
