import CofferSystem
import Glibc
import Synchronization

/// Packs that this machine keeps as they are in the store, so that an edit of what they hold need not be coded against a
/// download.
///
/// They are sealed as they are there: whoever reads the folder learns what he would learn of the store. None is believed whose
/// bytes are not those of its name; that is looked at once a run. Every file may be deleted at any time.
final class PackCache: Sendable {
  private let folder: CacheFolder
  private let limit: Int
  /// Files that were found to be what they are called.
  private let verified = Mutex<Set<Digest256>>([])
  private let trimming = Mutex(())

  /// - Parameters:
  ///   - path: The folder, which is made if need be.
  ///   - limit: Bytes of all files.
  /// - Returns: nil when there can be no such folder, or nothing is to be kept.
  init?(_ path: String, limit: Int) {
    guard limit > 0, let folder = CacheFolder(path) else { return nil }
    self.folder = folder
    self.limit = limit
  }

  private static func name(_ pack: Digest256) -> EntryName { EntryName(pack.hex) }

  /// Opens a pack that is kept, and takes note that it is used.
  func open(_ pack: Digest256) -> CachedPack? {
    let name = Self.name(pack)
    guard let (file, size) = folder.open(name) else { return nil }
    let cached = CachedPack(file: file, size: size)
    guard verified.withLock({ $0.contains(pack) }) || cached.digest() == pack else {
      folder.remove(name)
      return nil
    }
    verified.withLock { _ = $0.insert(pack) }
    folder.touch(name)
    return cached
  }

  /// Keeps a pack that is in the store. Those used longest ago make room for it; what cannot be kept is not.
  func keep(_ pack: Digest256, _ content: UnsafeRawBufferPointer) {
    guard content.count <= limit else { return }
    trimming.withLock { _ in
      trim(to: limit - content.count)
      folder.write(Self.name(pack), content)
    }
  }

  /// Takes a pack out that turned out not to be what was kept.
  func forget(_ pack: Digest256) {
    verified.withLock { _ = $0.remove(pack) }
    folder.remove(Self.name(pack))
  }

  private func trim(to room: Int) {
    let kept = folder.names().compactMap { name in
      folder.use(of: name).map { (name: name, size: $0.size, lastUse: $0.lastUse) }
    }
    var size = kept.reduce(0) { $0 + $1.size }
    for file in kept.sorted(by: { $0.lastUse < $1.lastUse }) where size > room {
      folder.remove(file.name)
      size -= file.size
    }
  }
}

/// A pack of the cache, open: what is taken out of the cache meanwhile can still be read.
final class CachedPack: Sendable {
  private let file: CacheFolder.File
  let size: Int

  private static let pieceSize = 1 << 20

  fileprivate init(file: CacheFolder.File, size: Int) {
    self.file = file
    self.size = size
  }

  /// - Returns: nil when the file is shorter, or cannot be read.
  func bytes(_ range: Range<Int>) -> [UInt8]? { file.bytes(range) }

  fileprivate func digest() -> Digest256? {
    guard let hasher = try? ContentHasher() else { return nil }
    for start in stride(from: 0, to: size, by: Self.pieceSize) {
      guard let piece = file.bytes(start..<min(start + Self.pieceSize, size)),
        (try? piece.withUnsafeBytes { try hasher.update($0) }) != nil
      else { return nil }
    }
    return try? hasher.finish()
  }
}
