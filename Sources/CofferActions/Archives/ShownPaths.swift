import CofferRepository
import CofferSystem

/// Where an archive's dumps are shown among its files: below `databases`, as `databases/HOOK/PLACE/NAME`.
struct ShownPaths {
  private static let stored = Array("coffer/".utf8)
  private static let shown = Array("databases/".utf8)
  /// Dumps that are folders; their own items come before those that are in them.
  private var folders: Set<[UInt8]> = []

  /// - Parameter item: The next of the archive.
  mutating func place(of item: ArchiveItem) -> (path: ItemPath, isOfDump: Bool) {
    let path = item.path.bytes
    guard path.starts(with: Self.stored) else { return (item.path, item.dump != nil) }
    if item.dump != nil, item.content == .directory { folders.insert(path) }
    guard item.dump != nil || isInFolder(path) else { return (item.path, false) }
    return (ItemPath(bytes: Self.shown + path.dropFirst(Self.stored.count)), true)
  }

  private func isInFolder(_ path: [UInt8]) -> Bool {
    !folders.isEmpty
      && path.indices.contains { path[$0] == UInt8(ascii: "/") && folders.contains(Array(path[..<$0])) }
  }
}
