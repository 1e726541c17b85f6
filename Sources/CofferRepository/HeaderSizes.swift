import CofferSystem

/// How large the headers are of the repositories that this machine has opened: who knows that reads one with one request
/// instead of two. Nothing is believed of it but where to stop reading.
struct HeaderSizes: Sendable {
  private let folder: CacheFolder?
  private let name: EntryName?

  private static let fileLimit = 16

  /// - Parameters:
  ///   - cacheFolder: Of all repositories; nil for no memory.
  ///   - location: The repository's.
  init(_ cacheFolder: String?, location: String) {
    folder = cacheFolder.flatMap { CacheFolder("\($0)/headers") }
    let digest = try? Array(location.utf8).withUnsafeBytes { try ContentHasher.hash($0) }
    name = digest.map { EntryName($0.hex) }
  }

  /// Bytes; nil when that is not known.
  var size: Int? {
    guard let name, let text = folder?.read(name, limit: Self.fileLimit),
      let size = Int(String(decoding: text, as: UTF8.self)), (1...ObjectLimit.header).contains(size)
    else { return nil }
    return size
  }

  func keep(_ size: Int) {
    if let name, self.size != size { folder?.write(name, Array(String(size).utf8)) }
  }
}
