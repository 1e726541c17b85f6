import CofferRepository
import CofferSystem

/// Where an archive's dumps are shown among its files: below `databases`, as `databases/HOOK/PLACE/NAME`.
struct ShownPaths {
  private static let shown = Array("databases/".utf8)
  /// Dumps that are folders; their own items come before those that are in them.
  private var folders: Set<[UInt8]> = []

  /// - Parameter item: The next of the archive.
  mutating func place(of item: ArchiveItem) -> (path: ItemPath, isOfDump: Bool) {
    let path = item.path.bytes
    guard item.path.isOwn else { return (item.path, item.dump != nil) }
    if item.dump != nil, item.content == .directory { folders.insert(path) }
    guard item.dump != nil || folders.holdsFolder(above: path) else { return (item.path, false) }
    return (ItemPath(bytes: Self.shown + path.dropFirst(ItemPath.ownFolder.count)), true)
  }
}

extension ItemPath {
  /// The folder of what is no file of a source.
  static let ownFolder = Array("coffer/".utf8)

  /// Whether it is in that.
  var isOwn: Bool { bytes.starts(with: Self.ownFolder) }
}

extension Set<[UInt8]> {
  /// Whether it holds a folder that a path leads through. Of a path with more parts than any that a program can open only the
  /// first are looked at: an archive may have been made to take long.
  func holdsFolder(above path: [UInt8]) -> Bool {
    guard !isEmpty else { return false }
    let slashes = path.indices.lazy.filter { path[$0] == UInt8(ascii: "/") }
    return slashes.prefix(MountTree.depthLimit).contains { contains(Array(path[..<$0])) }
  }
}
