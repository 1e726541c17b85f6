import CofferRepository
import CofferSystem

/// Items that were written and are to be seen to once more, by number, with their places: held packed, for an archive may have
/// millions of folders.
struct WrittenItems {
  private var items = PackedItems()
  private var paths = PackedBytes()
  /// Below the destination; empty for those that are at their paths.
  private var places = PackedBytes()
  private var held: HeldItems?

  /// - Parameter held: What is counted in what is held; nil where nobody counts.
  init(_ held: HeldItems? = nil) {
    self.held = held
  }

  var indices: Range<Int> { 0..<items.count }

  /// - Throws: `RepositoryError` when there is more than is held.
  mutating func append(_ item: ArchiveItem, at parts: [EntryName]) throws(RepositoryError) {
    let place = WrittenPlace.bytes(of: parts)
    let isAtPath = place == item.path.bytes
    try held?.add(item.heldSize + (isAtPath ? 0 : place.count))
    items.append(item)
    paths.append(item.path.bytes)
    places.append(isAtPath ? [] : place)
  }

  func item(_ number: Int) -> ArchiveItem { items.item(number, at: ItemPath(bytes: Array(paths[number]))) }

  func parts(_ number: Int) -> [EntryName] {
    WrittenPlace.parts(of: places[number].isEmpty ? paths[number] : places[number])
  }
}

/// Where something was written below a destination, as bytes.
enum WrittenPlace {
  private static let slash = UInt8(ascii: "/")

  static func bytes(of parts: [EntryName]) -> [UInt8] { Array(parts.map(\.bytes).joined(separator: [slash])) }

  static func parts(of bytes: some Collection<UInt8>) -> [EntryName] {
    bytes.split(separator: slash).map { EntryName(bytes: $0) }
  }
}
