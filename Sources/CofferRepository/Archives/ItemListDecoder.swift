import CofferSystem

/// Takes an item list piece by piece, and gives each item as soon as it is there: no more of the list is in memory than its
/// longest item takes, and a piece.
struct ItemListDecoder {
  private let limit: Int
  private var rest: [UInt8] = []
  /// Bytes from which another look at the rest is worth it: an item of many pieces is not begun again with each.
  private var enough = 1

  /// - Parameter limit: Bytes of an item at most.
  init(limit: Int) {
    self.limit = limit
  }

  /// Takes the next piece.
  ///
  /// - Throws: `ByteReader.Malformed` for an item beyond the limit; what `body` throws.
  mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (ArchiveItem) throws -> Void) throws {
    rest.append(contentsOf: bytes)
    if rest.count >= enough { try takeItems(body) }
  }

  /// Gives the items that are whole.
  ///
  /// - Throws: As `take`.
  mutating func takeItems(_ body: (ArchiveItem) throws -> Void) throws {
    let taken = try rest.withUnsafeBytes { bytes -> Int in
      var taken = 0
      while taken < bytes.count {
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
        // What does not end here may go on with the next piece; the end of the list tells.
        guard let item = try? ArchiveItem(from: &reader) else { break }
        taken = bytes.count - reader.remaining
        try body(item)
      }
      return taken
    }
    rest.removeFirst(taken)
    enough = rest.count * 2
    guard rest.count <= limit else { throw ByteReader.Malformed(offset: 0) }
  }

  /// Ends the list.
  ///
  /// - Throws: `ByteReader.Malformed` when the last item is not whole; what `body` throws.
  mutating func finish(_ body: (ArchiveItem) throws -> Void) throws {
    try takeItems(body)
    guard rest.isEmpty else { throw ByteReader.Malformed(offset: 0) }
  }
}
