import CofferSystem

/// A small file in which this machine remembers something about a repository by its location, before it knows which one is there.
struct RepositoryNote: Sendable {
  private let folder: CacheFolder?
  private let name: EntryName?

  /// - Parameters:
  ///   - kind: The folder of all notes of this kind.
  ///   - cacheFolder: Of all repositories; nil for no memory.
  init(_ kind: String, in cacheFolder: String?, of location: String) {
    folder = cacheFolder.flatMap { CacheFolder("\($0)/\(kind)") }
    let digest = try? Array(location.utf8).withUnsafeBytes { try ContentHasher.hash($0) }
    name = digest.map { EntryName($0.hex) }
  }

  /// - Returns: nil when nothing, or more, is remembered.
  func read(limit: Int) -> [UInt8]? { name.flatMap { folder?.read($0, limit: limit) } }

  func write(_ bytes: [UInt8]) {
    if let name { folder?.write(name, bytes) }
  }
}
