import CofferRepository
import CofferSystem

/// Items of one archive that have not found their like in the other.
struct UnpairedItems {
  typealias Numbered = (number: Int, item: ArchiveItem)
  typealias Pair = (old: Numbered, new: Numbered)

  private(set) var items: [ItemPath: Numbered] = [:]
  /// Those that may be of dumps, which are compared as wholes.
  private(set) var own: [Numbered] = []
  private var count = 0
  private var held: HeldItems

  init(_ held: HeldItems) {
    self.held = held
  }

  /// - Throws: `RepositoryError` when there are more of them than are held.
  mutating func add(_ item: ArchiveItem) throws(RepositoryError) {
    if item.mayBeOfDump {
      try held.add(item.heldSize)
      own.append((count, item))
    } else if items[item.path] == nil {
      try held.add(item.heldSize)
      items[item.path] = (count, item)
    }
    count += 1
  }

  /// Lets those that are of no dump count like others.
  mutating func release(besides dumps: [ArchiveDump]) {
    let paths = Set(dumps.flatMap { $0.items.map(\.path) })
    for (number, item) in own where !paths.contains(item.path) && items[item.path] == nil {
      items[item.path] = (number, item)
    }
    own = []
  }

  /// Takes what is at a path out of both, if both have it.
  static func pair(at path: ItemPath, _ olds: inout UnpairedItems, _ news: inout UnpairedItems) -> Pair? {
    guard let one = olds.items[path], let two = news.items[path] else { return nil }
    olds.take(one)
    news.take(two)
    return (one, two)
  }

  private mutating func take(_ found: Numbered) {
    items[found.item.path] = nil
    held.remove(found.item.heldSize)
  }

  /// Leaves out what the other archive has as well: the first of the path has found it.
  mutating func forget(foundIn archive: Archive, _ reader: ArchiveReader, _ cancellation: Cancellation) throws {
    guard !items.isEmpty else { return }
    try reader.forEachItem(of: archive, cancellation: cancellation) { items[$0.path] = nil }
  }
}
