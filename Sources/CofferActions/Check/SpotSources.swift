import CofferRepository
import CofferSystem

/// Files that are in the sources, as many as there are, by number: where they are in an archive, and where on the disk.
struct SpotSources {
  private var places = PackedBytes()
  private var roots: [(root: SourceRoot, start: Int)] = []
  /// The numbers in the order of places.
  private var order: [UInt32] = []

  var count: Int { places.count }

  /// What is added from now on is in a root.
  mutating func begin(_ root: SourceRoot) { roots.append((root, count)) }

  mutating func add(_ place: ItemPath) { places.append(place.bytes) }

  /// To be called when all have been added.
  mutating func sort() {
    order = Array(0..<UInt32(count))
    order.sort { places[Int($0)].lexicographicallyPrecedes(places[Int($1)]) }
  }

  func place(of number: Int) -> ItemPath { ItemPath(bytes: Array(places[number])) }

  /// The path on the disk: the root's, and what follows the root in the archive.
  func path(of number: Int) -> [UInt8] {
    let root = (roots.last { $0.start <= number } ?? roots[0]).root
    let rest = places[number].dropFirst(root.archivePath.count).drop { $0 == UInt8(ascii: "/") }
    guard !rest.isEmpty else { return root.path }
    return SourceWalker.appending(rest, to: root.path)
  }

  /// The number of the file at a place.
  func number(at place: ItemPath) -> Int? { places.number(of: place.bytes, among: order[...]) }

  /// Numbers of some of them, at least one, chosen by chance.
  ///
  /// - Throws: What the source of randomness throws.
  func sample(ofPercent percentage: Double, _ random: RandomSource) throws -> [Int] {
    var rest = Array(0..<UInt32(self.count))
    let count = min(max(Int(Double(rest.count) * min(percentage, 100) / 100), 1), rest.count)
    for position in 0..<count {
      let bytes = try random.bytes(8)
      let number = bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      rest.swapAt(position, position + Int(number % UInt64(rest.count - position)))
    }
    return rest[..<count].map { Int($0) }
  }
}
