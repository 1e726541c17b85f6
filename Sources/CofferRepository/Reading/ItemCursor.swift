import CofferSystem

/// Goes through the items of an archive in the order they were stored. However many they are, only a piece of their list is in
/// memory; other streams of the same reader may be read meanwhile.
///
/// The list is what the archive's record names by its root, chunk by chunk; the hash of the whole is not computed.
public struct ItemCursor {
  private let streams: StreamReader
  private let archive: Archive
  private let location: String
  private let cancellation: Cancellation
  private var decoder = ItemListDecoder(limit: ItemCursor.itemLimit)
  /// Where in the list the next piece begins.
  private var start: UInt64 = 0
  private var hasEnded = false
  private var items: [ArchiveItem] = []
  private var given = 0

  /// Bytes of a list that are read at once.
  private static let pieceSize: UInt64 = 1 << 20
  /// Bytes of an item at most, with all that it may have of its own.
  static let itemLimit = 64 << 20

  init(_ streams: StreamReader, _ archive: Archive, location: String, _ cancellation: Cancellation) {
    self.streams = streams
    self.archive = archive
    self.location = location
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
      try readPiece()
    }
    given += 1
    return items[given - 1]
  }

  private mutating func readPiece() throws {
    do {
      guard start < archive.items.size else {
        hasEnded = true
        return try decoder.finish { items.append($0) }
      }
      try cancellation.check()
      let end = start + min(Self.pieceSize, archive.items.size - start)
      let sink = MemorySink()
      try streams.read(start..<end, of: archive.items, into: sink, cancellation: cancellation)
      start = end
      try sink.bytes.withUnsafeBytes { try decoder.take($0) { items.append($0) } }
    } catch is ByteReader.Malformed {
      throw RepositoryError.damaged(
        object: "item list of archive \(archive.name)", location: location,
        detail: "it makes no sense before byte \(start)")
    }
  }
}
