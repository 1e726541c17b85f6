import CofferRepository
import CofferSystem
import Glibc

/// The items of an archive as a tree of files, by number: 0 is the folder that everything is in. The same items always get the
/// same numbers.
///
/// An archive may hold anything, be it by damage or malice. What has a path that no file can have is not in the tree; of several
/// things of one name a folder counts, or else the last, as when all of it is extracted.
///
/// Archives may have millions of items, so a node is a few numbers, and names and items are packed.
struct MountTree: Sendable {
  struct Node: Sendable {
    let parent: UInt32
    /// The number of its item and one; 0 for a folder that only others' paths name.
    var item: UInt32 = 0
    /// The number of the node that it is another name of, and one; 0 for none.
    var original: UInt32 = 0
    /// How many names the file has.
    var links: UInt32 = 1
    /// Where among all children its own begin, and how many these are.
    var firstChild: UInt32 = 0
    var childCount: UInt32 = 0
    let isFolder: Bool

    /// - Parameter all: The children of all folders.
    func children(among all: [UInt32]) -> ArraySlice<UInt32> {
      all[Int(firstChild)..<Int(firstChild) + Int(childCount)]
    }
  }

  private let nodes: [Node]
  private let names: PackedBytes
  private let items: PackedItems
  /// Those of each folder one behind the other, in the order of their names.
  private let children: [UInt32]
  /// Items that are not shown: how many, and the path of the first.
  let unfit: (count: Int, first: ItemPath)?
  /// Items that others of the same path stand before.
  let hidden: (count: Int, first: ItemPath)?

  /// Bytes of a name at most: NAME_MAX of linux/limits.h.
  static let nameLimit = 255
  /// Parts of a path at most: as many as the kernel follows in one (PATH_MAX of linux/limits.h, each part with its slash).
  static let depthLimit = 2048

  /// - Parameters:
  ///   - selection: Which of the items are shown.
  ///   - held: What is counted in what the tree holds.
  ///   - items: Calls its argument with the items of an archive.
  /// - Throws: `PatternError.exhausted`; what `held` throws of too many; what `items` throws.
  init(
    _ selection: ItemSelection, _ held: HeldItems, of items: ((ArchiveItem) throws -> Void) throws -> Void
  ) throws {
    var builder = MountTreeBuilder(held)
    var selection = selection
    var places = ShownPaths()
    try items { item in
      let place = places.place(of: item).path
      if try selection.contains(item, shownAt: place) {
        try builder.add(item, at: place)
      } else if item.content == .directory {
        try builder.pass(item, at: place)
      }
    }
    try builder.finish()
    (nodes, names, self.items, children) = (builder.nodes, builder.names, builder.items, builder.children)
    (unfit, hidden) = (builder.unfit, builder.hidden)
  }

  /// How many nodes there are.
  var count: Int { nodes.count }

  func isFolder(_ number: Int) -> Bool { nodes[number].isFolder }

  func name(of number: Int) -> ArraySlice<UInt8> { names[number] }

  func parent(of number: Int) -> Int { Int(nodes[number].parent) }

  /// The numbers of what is in a folder, in the order of names.
  func children(of folder: Int) -> ArraySlice<UInt32> { nodes[folder].children(among: children) }

  /// The number of what has the name in a folder.
  func child(_ name: [UInt8], of folder: Int) -> Int? { names.number(of: name, among: children(of: folder)) }

  /// The item of a file under its first name, with its place in the tree for a path.
  func item(_ number: Int) -> ArchiveItem? {
    let original = original(of: number)
    var item = pathless(original)
    item?.path = MountTreeBuilder.path(of: original, nodes, names)
    return item
  }

  /// The item of a node without its path, which takes a walk to the top.
  private func pathless(_ number: Int) -> ArchiveItem? {
    nodes[number].item > 0 ? items.item(Int(nodes[number].item) - 1) : nil
  }

  private func original(of number: Int) -> Int {
    nodes[number].original > 0 ? Int(nodes[number].original) - 1 : number
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
    let original = original(of: number)
    let isFolder = isFolder(original)
    guard let item = pathless(original), !isFolder || item.content == .directory else {
      return FuseAnswer.Facts(folder: identifier(original), owner: owner, modified: modified)
    }
    var facts = FuseAnswer.Facts(node: identifier(original), mode: item.content.typeBits | item.mode & 0o7777)
    (facts.userID, facts.groupID) = (item.userID, item.groupID)
    facts.modified = item.modified
    facts.accessed = item.extras.accessed ?? item.modified
    facts.size = item.size
    facts.dataSize = item.content.stream?.size ?? 0
    facts.links = isFolder ? 2 : nodes[original].links
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
