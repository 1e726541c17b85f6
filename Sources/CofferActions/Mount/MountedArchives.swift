import CofferRepository
import CofferSystem

/// The archives of a mount, and their trees, which are made when somebody looks into them. Safe to use from several threads.
final class MountedArchives: Sendable {
  /// A node's place: the archive, by its number, and the number in its tree.
  struct Place: Hashable, Sendable {
    let archive: Int
    let node: Int

    /// The number by which the kernel knows the node.
    var identifier: UInt64 { UInt64(archive + 1) << Self.nodeBits | UInt64(node) }

    /// - Parameter identifier: One of `identifier`; another gives a place that there is not.
    init(_ identifier: UInt64) {
      archive = Int(identifier >> Self.nodeBits) - 1
      node = Int(identifier & (1 << Self.nodeBits - 1))
    }

    init(archive: Int, node: Int) {
      self.archive = archive
      self.node = node
    }

    /// Enough for the items of an archive.
    private static let nodeBits: UInt64 = 40
  }

  /// Nodes of trees that are kept: some two hundred bytes each.
  private static let nodeLimit = 2_000_000

  let archives: [Archive]
  /// Each archive's name as that of a folder, in the archives' order.
  let names: [[UInt8]]
  private let numbers: [[UInt8]: Int]
  private let selection: ItemSelection
  private let trees = SharedCache<Int, MountTree>(capacity: nodeLimit, weigh: { $0.count })
  private let warned = Monitor<Set<Int>>([])
  private let console: Console

  init(_ archives: [Archive], _ selection: ItemSelection, _ console: Console) {
    self.archives = archives
    self.selection = selection
    self.console = console
    names = Self.names(of: archives.map { ($0.name, $0.id) })
    numbers = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
  }

  /// Names of folders: no two are the same, and each can be one. Ids tell archives of one name apart.
  static func names(of archives: [(name: String, id: String)]) -> [[UInt8]] {
    let limit = MountTree.nameLimit
    var counts: [[UInt8]: Int] = [:]
    let plain = archives.map { archive -> [UInt8] in
      let bytes = archive.name.utf8.flatMap { byte -> [UInt8] in
        switch byte {
        case UInt8(ascii: "/"): Array("%2F".utf8)
        case 0: Array("%00".utf8)
        default: [byte]
        }
      }
      let name = EntryName(bytes: bytes).isOnePart && bytes.count <= limit ? bytes : []
      counts[name, default: 0] += 1
      return name
    }
    var taken: Set<[UInt8]> = []
    return zip(archives, plain).map { archive, name in
      let isAlone = counts[name] == 1 && !name.isEmpty
      let id = Array(archive.id.utf8.filter { $0 != UInt8(ascii: "/") && $0 != 0 })
      let apart: [UInt8] = name.isEmpty ? id : name.prefix(limit - id.count - 1) + [UInt8(ascii: "@")] + id
      let own = isAlone ? name : apart
      var (full, copy) = (own, 1)
      // Another archive may have been called like this on purpose.
      while !taken.insert(full).inserted {
        copy += 1
        let end = Array("@\(copy)".utf8)
        full = own.prefix(limit - end.count) + end
      }
      return full
    }
  }

  func number(named name: [UInt8]) -> Int? { numbers[name] }

  /// Reads an archive's items, unless they were read a short while ago.
  ///
  /// - Throws: What reading them throws; `RepositoryError` when they are more than are held.
  func tree(of number: Int, by reader: ArchiveReader, _ cancellation: Cancellation) throws -> MountTree {
    try trees.value(of: number) {
      var cursor = reader.cursor(over: archives[number], cancellation: cancellation)
      let tree = try MountTree(selection, HeldItems(refusing: cursor.tooLong)) { add in
        while let item = try cursor.next() { try add(item) }
      }
      if warned.update({ $0.insert(number).inserted }) { warn(of: tree, archives[number]) }
      return tree
    }
  }

  private func warn(of tree: MountTree, _ archive: Archive) {
    if let (count, first) = tree.unfit {
      console.warning(
        "Archive \(archive.name) holds \(count) paths that no file can have, the first being '\(first.text)'; they are not "
          + "shown")
    }
    if let (count, first) = tree.hidden {
      console.warning(
        "Archive \(archive.name) holds \(count) paths more than once, the first being '\(first.text)'; one of each is shown"
      )
    }
  }
}
