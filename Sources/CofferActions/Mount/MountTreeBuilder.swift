import CofferRepository
import CofferSystem

/// Makes the tree of an archive's items.
struct MountTreeBuilder {
  private(set) var nodes = [MountTree.Node(parent: 0, isFolder: true)]
  private(set) var names = PackedBytes()
  private(set) var items = PackedItems()
  /// Made at the end.
  private(set) var children: [UInt32] = []
  private(set) var unfit: (count: Int, first: ItemPath)?
  private(set) var hidden: (count: Int, first: ItemPath)?

  /// Folders by a hash of their parents' numbers and their names; by the next number that is free where several have one.
  private var folders: [Int: UInt32] = [:]
  /// The folder that was asked for last: mostly the next item's, too.
  private var latest: (path: ArraySlice<UInt8>, number: Int) = ([], 0)
  private var firsts: [ItemExtras.LinkIdentity: Int] = [:]
  /// Folders that are not chosen. What is chosen in them is shown there, and no more open than they are.
  private var passed = (items: PackedItems(), places: PackedBytes())

  private var held: HeldItems

  private static let slash = UInt8(ascii: "/")

  init(_ held: HeldItems) {
    self.held = held
    names.append([])
  }

  /// - Throws: `RepositoryError` when there is more than is held.
  mutating func pass(_ item: ArchiveItem, at place: ItemPath) throws(RepositoryError) {
    try held.add(item.heldSize + place.bytes.count)
    passed.items.append(item)
    passed.places.append(place.bytes)
  }

  /// - Throws: `RepositoryError` when there is more than is held.
  mutating func add(_ item: ArchiveItem, at place: ItemPath) throws(RepositoryError) {
    guard Self.fits(place) else {
      unfit = (unfit.map { $0.count + 1 } ?? 1, unfit?.first ?? item.path)
      return
    }
    if item.content == .directory {
      let number = try folder(place.bytes[...])
      if nodes[number].item > 0 { hide(number) }
      return try describe(number, by: item)
    }
    let slash = place.bytes.lastIndex(of: Self.slash)
    var parent = 0
    if let slash { parent = try folder(place.bytes[..<slash]) }
    let number = try add(name: place.bytes[(slash.map { $0 + 1 } ?? 0)...], in: parent, isFolder: false)
    try describe(number, by: item)
    guard let link = item.extras.link else { return }
    if let first = firsts[link], item.isLink(to: items.item(Int(nodes[first].item) - 1)) {
      nodes[number].original = UInt32(first + 1)
      nodes[first].links += 1
    } else {
      firsts[link] = number
    }
  }

  private static func fits(_ place: ItemPath) -> Bool {
    let parts = place.bytes.split(separator: slash, omittingEmptySubsequences: false)
    return parts.count <= MountTree.depthLimit
      && parts.allSatisfy { EntryName(bytes: $0).isOnePart && $0.count <= MountTree.nameLimit }
  }

  private mutating func add(
    name: ArraySlice<UInt8>, in parent: Int, isFolder: Bool
  ) throws(RepositoryError) -> Int {
    try held.add(MemoryLayout<MountTree.Node>.stride + name.count)
    nodes.append(MountTree.Node(parent: UInt32(parent), isFolder: isFolder))
    names.append(name)
    return nodes.count - 1
  }

  private mutating func describe(_ number: Int, by item: ArchiveItem) throws(RepositoryError) {
    try held.add(item.heldSize)
    items.append(item)
    nodes[number].item = UInt32(items.count)
  }

  private mutating func hide(_ number: Int) {
    hidden = (hidden.map { $0.count + 1 } ?? 1, hidden?.first ?? Self.path(of: number, nodes, names))
  }

  private mutating func folder(_ path: ArraySlice<UInt8>) throws(RepositoryError) -> Int {
    if path.elementsEqual(latest.path) { return latest.number }
    var number = 0
    for name in path.split(separator: UInt8(ascii: "/")) {
      let step = step(name, in: number)
      if let next = step.folder {
        number = next
      } else {
        number = try add(name: name, in: number, isFolder: true)
        folders[step.key] = UInt32(number)
      }
    }
    latest = (path, number)
    return number
  }

  /// The folder of a name in another one, or the key that it would have.
  private func step(_ name: ArraySlice<UInt8>, in parent: Int) -> (folder: Int?, key: Int) {
    var hasher = Hasher()
    hasher.combine(parent)
    name.withUnsafeBytes { hasher.combine(bytes: $0) }
    var key = hasher.finalize()
    while let number = folders[key].map({ Int($0) }) {
      if Int(nodes[number].parent) == parent, names[number].elementsEqual(name) { return (number, key) }
      key &+= 1
    }
    return (nil, key)
  }

  /// The folder at a path, if anything needs one there.
  private func existing(_ bytes: ArraySlice<UInt8>) -> Int? {
    var number = 0
    for name in bytes.split(separator: Self.slash, omittingEmptySubsequences: false) {
      guard let next = step(name, in: number).folder else { return nil }
      number = next
    }
    return number
  }

  /// Sorts what is in each folder, and leaves one thing of each name.
  ///
  /// - Throws: `RepositoryError` when there is more than is held.
  mutating func finish() throws(RepositoryError) {
    // The last of one path counts.
    for index in (0..<passed.items.count).reversed() {
      guard let number = existing(passed.places[index]), nodes[number].item == 0 else { continue }
      try describe(number, by: passed.items.item(index))
    }
    passed = (PackedItems(), PackedBytes())
    (folders, firsts) = ([:], [:])
    gatherChildren()
    for folder in nodes.indices where nodes[folder].isFolder { sortChildren(of: folder) }
  }

  private mutating func gatherChildren() {
    for number in nodes.indices.dropFirst() { nodes[Int(nodes[number].parent)].childCount += 1 }
    var next: UInt32 = 0
    for number in nodes.indices {
      nodes[number].firstChild = next
      next += nodes[number].childCount
      nodes[number].childCount = 0
    }
    children = [UInt32](repeating: 0, count: Int(next))
    for number in nodes.indices.dropFirst() {
      let parent = Int(nodes[number].parent)
      children[Int(nodes[parent].firstChild + nodes[parent].childCount)] = UInt32(number)
      nodes[parent].childCount += 1
    }
  }

  private mutating func sortChildren(of folder: Int) {
    let range = nodes[folder].children(among: children).indices
    // Folders last among those of one name, and otherwise the later ones.
    children[range].sort { [names, nodes] one, two in
      let (left, right) = (names[Int(one)], names[Int(two)])
      if !left.elementsEqual(right) { return left.lexicographicallyPrecedes(right) }
      let (isLeft, isRight) = (nodes[Int(one)].isFolder, nodes[Int(two)].isFolder)
      return isLeft == isRight ? one < two : isRight
    }
    var end = range.lowerBound
    for place in range {
      let child = Int(children[place])
      if end > range.lowerBound, names[Int(children[end - 1])].elementsEqual(names[child]) {
        if nodes[Int(children[end - 1])].item > 0 { hide(child) }
        end -= 1
      }
      children[end] = UInt32(child)
      end += 1
    }
    nodes[folder].childCount = UInt32(end - range.lowerBound)
  }

  /// The path of a node in its tree.
  static func path(of number: Int, _ nodes: [MountTree.Node], _ names: PackedBytes) -> ItemPath {
    var parts: [ArraySlice<UInt8>] = []
    var current = number
    while current > 0 {
      parts.append(names[current])
      current = Int(nodes[current].parent)
    }
    return ItemPath(bytes: Array(parts.reversed().joined(separator: [slash])))
  }
}
