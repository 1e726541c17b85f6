import CofferRepository
import CofferSystem
import Glibc

/// The items of an archive as a tree of files, by number: 0 is the folder that everything is in. The same items always get the
/// same numbers.
///
/// An archive may hold anything, be it by damage or malice. What has a path that no file can have is not in the tree; of several
/// things of one name a folder counts, or else the last, as when all of it is extracted.
struct MountTree: Sendable {
  struct Node: Sendable {
    /// nil for a folder that only others' paths name.
    fileprivate(set) var item: ArchiveItem?
    /// Where in the item's path its name begins.
    private let nameStart: Int
    private let ownName: [UInt8]
    fileprivate(set) var parent: Int
    /// In the order of their names, when the tree is made.
    fileprivate(set) var children: [Int] = []
    fileprivate(set) var isFolder: Bool
    /// The node that it is another name of.
    fileprivate(set) var original: Int?
    /// How many names the file has.
    fileprivate(set) var links: UInt32 = 1

    fileprivate init(_ item: ArchiveItem, in parent: Int) {
      self.item = item
      self.parent = parent
      let path = item.path.bytes
      nameStart = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
      ownName = []
      isFolder = false
    }

    fileprivate init(folder name: ArraySlice<UInt8>, in parent: Int) {
      self.parent = parent
      nameStart = 0
      ownName = Array(name)
      isFolder = true
    }

    var name: ArraySlice<UInt8> { isFolder ? ownName[...] : item.map { $0.path.bytes[nameStart...] } ?? [] }
  }

  private(set) var nodes: [Node]
  /// Items that are not shown: how many, and the path of the first.
  private(set) var unfit: (count: Int, first: ItemPath)?
  /// Items that others of the same path stand before.
  private(set) var hidden: (count: Int, first: ItemPath)?

  /// Bytes of a name at most: NAME_MAX of linux/limits.h.
  static let nameLimit = 255
  /// Parts of a path at most: as many as the kernel follows in one (PATH_MAX of linux/limits.h, each part with its slash).
  static let depthLimit = 2048

  /// - Parameter selection: Which of the items are shown.
  /// - Throws: `PatternError.exhausted`.
  init(_ items: [ArchiveItem], _ selection: ItemSelection) throws {
    var builder = Builder()
    var selection = selection
    var places = ShownPaths()
    for item in items {
      let place = places.place(of: item).path
      if try selection.contains(item, shownAt: place) {
        builder.add(item, at: place)
      } else if item.content == .directory {
        builder.passed.append((item, place))
      }
    }
    builder.finish()
    nodes = builder.nodes
    unfit = builder.unfit
    hidden = builder.hidden
  }

  /// The number of what has the name in a folder.
  func child(_ name: [UInt8], of folder: Int) -> Int? {
    let children = nodes[folder].children
    var (low, high) = (0, children.count)
    while low < high {
      let middle = (low + high) / 2
      if nodes[children[middle]].name.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
    }
    return low < children.count && nodes[children[low]].name.elementsEqual(name) ? children[low] : nil
  }

  /// The item of a file under its first name.
  func item(_ number: Int) -> ArchiveItem? { nodes[nodes[number].original ?? number].item }

  // MARK: - Making

  private struct Builder {
    var nodes = [Node(folder: [], in: 0)]
    var unfit: (count: Int, first: ItemPath)?
    var hidden: (count: Int, first: ItemPath)?
    /// Folders that are not chosen. What is chosen in them is shown there, and no more open than they are.
    var passed: [(item: ArchiveItem, place: ItemPath)] = []
    private struct Step: Hashable {
      let parent: Int
      let name: ArraySlice<UInt8>
    }
    private var folders: [Step: Int] = [:]
    /// Folders that were asked for by their whole paths.
    private var known: [[UInt8]: Int] = [[]: 0]
    private var firsts: [ItemExtras.LinkIdentity: Int] = [:]

    mutating func add(_ item: ArchiveItem, at place: ItemPath) {
      let parts = place.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      guard parts.count <= MountTree.depthLimit,
        parts.allSatisfy({ EntryName(bytes: $0).isOnePart && $0.count <= MountTree.nameLimit })
      else {
        unfit = (unfit.map { $0.count + 1 } ?? 1, unfit?.first ?? item.path)
        return
      }
      if item.content == .directory {
        let number = folder(parts[...])
        if nodes[number].item != nil { hide(item) }
        nodes[number].item = item
        return
      }
      let parent = folder(parts.dropLast())
      let number = nodes.count
      nodes.append(Node(item, in: parent))
      nodes[parent].children.append(number)
      guard let link = item.extras.link else { return }
      if let first = firsts[link], let original = nodes[first].item, item.isLink(to: original) {
        nodes[number].original = first
        nodes[first].links += 1
      } else {
        firsts[link] = number
      }
    }

    private mutating func hide(_ item: ArchiveItem) {
      hidden = (hidden.map { $0.count + 1 } ?? 1, hidden?.first ?? item.path)
    }

    private mutating func folder(_ parts: ArraySlice<ArraySlice<UInt8>>) -> Int {
      let path = Array(parts.joined(separator: [UInt8(ascii: "/")]))
      if let number = known[path] { return number }
      var number = 0
      for name in parts {
        // A slice of its own would keep the whole path.
        let step = Step(parent: number, name: Array(name)[...])
        if let next = folders[step] {
          number = next
          continue
        }
        let next = nodes.count
        nodes.append(Node(folder: name, in: number))
        nodes[number].children.append(next)
        folders[step] = next
        number = next
      }
      known[path] = number
      return number
    }

    /// The folder at a path, if anything needs one there.
    private func existing(_ place: ItemPath) -> Int? {
      var number = 0
      for name in place.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
        guard let next = folders[Step(parent: number, name: name)] else { return nil }
        number = next
      }
      return number
    }

    /// Sorts what is in each folder, and leaves one thing of each name.
    mutating func finish() {
      // The last of one path counts.
      for (item, place) in passed.reversed() {
        if let number = existing(place), nodes[number].item == nil { nodes[number].item = item }
      }
      for folder in nodes.indices where nodes[folder].isFolder {
        // Folders last among those of one name, and otherwise the later ones.
        let sorted = nodes[folder].children.sorted { one, two in
          let (left, right) = (nodes[one], nodes[two])
          if !left.name.elementsEqual(right.name) { return left.name.lexicographicallyPrecedes(right.name) }
          return left.isFolder == right.isFolder ? one < two : right.isFolder
        }
        var kept: [Int] = []
        for child in sorted {
          if let last = kept.last, nodes[last].name.elementsEqual(nodes[child].name) {
            if let item = nodes[last].item { hide(item) }
            kept[kept.count - 1] = child
          } else {
            kept.append(child)
          }
        }
        nodes[folder].children = kept
      }
    }
  }
}

extension FuseAnswer.Facts {
  /// Of a folder that no item describes: everybody may go through it, nobody changes anything.
  init(folder node: UInt64, owner: (user: UInt32, group: UInt32), modified: Int64) {
    self.init(node: node, mode: UInt32(S_IFDIR) | 0o755)
    (userID, groupID, links) = (owner.user, owner.group, 2)
    (self.modified, accessed) = (modified, modified)
  }
}

extension MountTree {
  /// - Parameters:
  ///   - identifiers: The numbers by which the kernel knows nodes.
  ///   - owner: Of folders that no item describes.
  ///   - modified: Theirs, too; nanoseconds since 1970 UTC.
  func facts(
    _ number: Int, _ identifier: (Int) -> UInt64, owner: (user: UInt32, group: UInt32), modified: Int64
  ) -> FuseAnswer.Facts {
    let original = nodes[number].original ?? number
    let node = nodes[original]
    guard let item = node.item, !node.isFolder || item.content == .directory else {
      return FuseAnswer.Facts(folder: identifier(original), owner: owner, modified: modified)
    }
    var facts = FuseAnswer.Facts(node: identifier(original), mode: item.content.typeBits | item.mode & 0o7777)
    (facts.userID, facts.groupID) = (item.userID, item.groupID)
    facts.modified = item.modified
    facts.accessed = item.extras.accessed ?? item.modified
    facts.size = item.size
    facts.dataSize = item.content.stream?.size ?? 0
    facts.links = node.isFolder ? 2 : node.links
    switch item.content {
    case .device(_, let major, let minor): facts.device = (major, minor)
    case .symbolicLink(let target): facts.size = UInt64(target.bytes.count)
    default: break
    }
    return facts
  }
}

extension ArchiveItem.Content {
  /// As `st_mode` has them.
  fileprivate var typeBits: UInt32 {
    switch self {
    case .directory: UInt32(S_IFDIR)
    case .file: UInt32(S_IFREG)
    case .symbolicLink: UInt32(S_IFLNK)
    case .device(isBlock: true, _, _): UInt32(S_IFBLK)
    case .device(isBlock: false, _, _): UInt32(S_IFCHR)
    case .fifo: UInt32(S_IFIFO)
    case .socket: UInt32(S_IFSOCK)
    }
  }
}
