import CofferSystem

/// Where data is that was written anew in full, by the places in full data that it had before, or was coded against: tells what
/// an older archive's chunk is probably an earlier copy of.
struct RewrittenPlaces {
  /// What a chunk is to be coded against.
  struct Base {
    let segments: [PackDirectory.Segment]
    /// The byte that the chunk's first one has the place of: a segment of one byte.
    let anchor: PackDirectory.Segment
  }

  private struct Place: Comparable {
    let pack: Int32
    let block: Int32
    let offset: Int32

    static func < (left: Place, right: Place) -> Bool {
      (left.pack, left.block, left.offset) < (right.pack, right.block, right.offset)
    }
  }

  private struct Entry {
    let before: Place
    var after: Place
    let length: Int32
  }

  /// In the order in which they were added until they are `settled`, then by their earlier places.
  private var entries: [Entry] = []
  private var packs: [Digest256] = []
  private var numbers: [Digest256: Int32] = [:]

  /// Bytes on either side of a chunk's place whose data may help.
  private static let lead = 4 << 10
  /// Chunks that one is compared with at most.
  private static let entryLimit = 32

  /// Takes note of a chunk that is handed over to be stored in full.
  ///
  /// - Parameter before: Its earlier place; nil when that is not known.
  mutating func add(_ before: FullPlace?, length: Int) {
    let place = before.map {
      Place(pack: number(of: $0.block.pack), block: Int32(clamping: $0.block.block), offset: Int32(clamping: $0.offset))
    }
    let nowhere = Place(pack: -1, block: 0, offset: 0)
    entries.append(Entry(before: place ?? nowhere, after: nowhere, length: Int32(clamping: length)))
  }

  private mutating func number(of pack: Digest256) -> Int32 {
    if let number = numbers[pack] { return number }
    let number = Int32(clamping: packs.count)
    numbers[pack] = number
    packs.append(pack)
    return number
  }

  /// Takes note of where all of it is.
  ///
  /// - Parameter stored: The packs that hold it and nothing else, in the order in which they were filled.
  mutating func settle(_ stored: [IndexedPack]) {
    var position = 0
    for pack in stored {
      let number = number(of: pack.digest)
      var (block, offset) = (0, 0)
      for chunk in pack.entries {
        if chunk.block != block { (block, offset) = (chunk.block, 0) }
        precondition(position < entries.count && entries[position].length == chunk.length, "packs hold something else")
        entries[position].after = Place(pack: number, block: Int32(block), offset: Int32(offset))
        offset += chunk.length
        position += 1
      }
    }
    precondition(position == entries.count, "packs hold something else")
    entries.sort { $0.before < $1.before }
  }

  /// Returns what has the place of a chunk now.
  ///
  /// - Parameters:
  ///   - place: The chunk's place in full data before.
  ///   - length: Bytes of the chunk.
  /// - Returns: nil where nothing was written anew that stood there or nearby.
  func base(at place: FullPlace, length: Int) -> Base? {
    guard let pack = numbers[place.block.pack] else { return nil }
    let wanted = Place(pack: pack, block: Int32(clamping: place.block.block), offset: Int32(clamping: place.offset))
    func isNear(_ entry: Entry) -> Bool {
      entry.before.pack == wanted.pack && entry.before.block == wanted.block
        && Int(entry.before.offset) < place.offset + length + Self.lead
        && Int(entry.before.offset) + Int(entry.length) > place.offset - Self.lead
    }
    // The last one that begins at the place or in front of it, and those around.
    let middle = firstEntry(behind: wanted)
    var first = middle
    while first > 0, middle - first < Self.entryLimit / 2, isNear(entries[first - 1]) { first -= 1 }
    var end = middle
    while end < entries.count, end - first < Self.entryLimit, isNear(entries[end]) { end += 1 }
    guard first < end else { return nil }
    let closest = entries[max(middle - 1, first)]
    let skipped = min(max(place.offset - Int(closest.before.offset), 0), Int(closest.length) - 1)
    return Base(
      segments: entries[first..<end].map(segment), anchor: segment(closest).part(from: skipped, length: 1))
  }

  private func segment(_ entry: Entry) -> PackDirectory.Segment {
    .init(
      pack: packs[Int(entry.after.pack)], block: Int(entry.after.block), offset: Int(entry.after.offset),
      length: Int(entry.length))
  }

  private func firstEntry(behind place: Place) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].before > place { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
