import CofferSystem

/// Goes through the items of an archive in the order they were stored. However many they are, only a piece of their list is in
/// memory; other streams of the same reader may be read meanwhile.
///
/// The list is what the archive's record names by its root, chunk by chunk; behind the last item the record's hash of the whole is
/// compared, too.
public struct ItemCursor {
  private let streams: StreamReader
  private let archive: Archive
  private let cancellation: Cancellation
  private var decoder = ItemListDecoder(limit: ItemCursor.itemLimit)
  /// What was read of the list last, and how much of it the decoder has got.
  private var piece: [UInt8] = []
  private var taken = 0
  /// Where in the list the next piece begins, and how long it is.
  private var start: UInt64 = 0
  private var pieceSize = ItemCursor.firstPieceSize
  private var hasEnded = false
  private var items: [ArchiveItem] = []
  private var given = 0

  /// Bytes of a list that are read at once: few of a short list, and of a long one as many as make the way to a far store and
  /// back worth it.
  private static let firstPieceSize: UInt64 = 1 << 20
  private static let lastPieceSize: UInt64 = 16 << 20
  /// Bytes of a piece whose items are made at once: as values they take many times as much.
  private static let stepSize = 1 << 20
  /// Bytes of an item at most, with all that it may have of its own.
  static let itemLimit = 64 << 20

  init(_ streams: StreamReader, _ archive: Archive, _ cancellation: Cancellation) {
    self.streams = streams
    self.archive = archive
    self.cancellation = cancellation
  }

  /// Returns the next item; nil behind the last.
  ///
  /// - Throws: `RepositoryError`; `StorageError`; `RunCancelled`. What was given until then was in the archive.
  public mutating func next() throws -> ArchiveItem? {
    while given == items.count {
      guard !hasEnded else { return nil }
      items.removeAll(keepingCapacity: true)
      given = 0
      try readItems()
    }
    given += 1
    return items[given - 1]
  }

  private mutating func readItems() throws {
    do {
      guard taken < piece.count || start < archive.items.size else {
        hasEnded = true
        try decoder.finish { items.append($0) }
        return try compareHash()
      }
      if taken == piece.count { try readPiece() }
      let step = piece[taken..<min(taken + Self.stepSize, piece.count)]
      taken = step.endIndex
      try step.withUnsafeBytes { try decoder.take($0) { items.append($0) } }
    } catch is ByteReader.Malformed {
      throw damaged("it makes no sense before byte \(start - UInt64(piece.count - taken))")
    }
  }

  private mutating func readPiece() throws {
    try cancellation.check()
    (piece, taken) = ([], 0)
    let end = start + min(pieceSize, archive.items.size - start)
    let sink = MemorySink(expecting: Int(end - start))
    try streams.read(start..<end, of: archive.items, into: sink, cancellation: cancellation)
    piece = sink.bytes
    start = end
    pieceSize = min(pieceSize * 2, Self.lastPieceSize)
  }

  /// Every chunk was what its id says, so only the ids are gone through again.
  private func compareHash() throws {
    var hasher = try StreamHasher()
    var count: UInt64 = 0
    try streams.forEachChunk(of: archive.items) { chunk in
      try cancellation.check()
      try hasher.append(chunk.id, length: Int(chunk.size))
      count += 1
    }
    guard try hasher.finish() == archive.items.hash, count == archive.items.chunkCount else {
      throw damaged("it is not the one that was stored")
    }
  }

  /// What somebody throws who would have to hold more of the list in memory than there may be.
  public var tooLong: RepositoryError { damaged("too much of it would have to be held in memory") }

  private func damaged(_ detail: String) -> RepositoryError {
    streams.context.damaged(archive, detail)
  }
}
