import CofferSystem

/// How large the headers are of the repositories that this machine has opened: who knows that reads one with one request
/// instead of two. Nothing is believed of it but where to stop reading.
struct HeaderSizes: Sendable {
  private let note: RepositoryNote

  private static let sizeLimit = 16

  /// - Parameters:
  ///   - cacheFolder: Of all repositories; nil for no memory.
  ///   - location: The repository's.
  init(_ cacheFolder: String?, location: String) {
    note = RepositoryNote("headers", in: cacheFolder, of: location)
  }

  /// Bytes; nil when that is not known.
  var size: Int? {
    guard let text = note.read(limit: Self.sizeLimit), let size = Int(String(decoding: text, as: UTF8.self)),
      (1...ObjectLimit.header).contains(size)
    else { return nil }
    return size
  }

  func keep(_ size: Int) {
    if self.size != size { note.write(Array(String(size).utf8)) }
  }
}
