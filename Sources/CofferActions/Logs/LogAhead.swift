import CofferRepository
import CofferSystem
import Glibc

/// Segments that were read ahead for a server that is being restored, in a folder of this user's cache.
///
/// A file's name has the hash of what it should hold, so that one which a crash has left half written is none.
struct LogAhead {
  private let folder: Folder

  /// - Parameters:
  ///   - path: This user's cache.
  ///   - origin: What decides where segments come from: others are not taken for these.
  /// - Returns: nil where there can be no such folder: then nothing is read ahead.
  init?(in path: String, _ server: LogServer, origin: [String]) {
    guard let folder = Self.folder("log-ahead", in: path, [server.system, server.identity] + origin) else { return nil }
    self.folder = folder
  }

  /// A folder of this user's cache for what some words stand for.
  ///
  /// - Returns: nil where there can be none.
  static func folder(_ kind: String, in path: String, _ words: [String]) -> Folder? {
    try? Folder.trusted("\(path)/\(kind)-\(digits(of: words))", .folders, makingWith: 0o700)
  }

  /// What tells some words from all others, for a name.
  static func digits(of words: [String]) -> String {
    let bytes = words.flatMap { Array($0.utf8) + [UInt8(0)] }
    return String(bytes.withUnsafeBytes { hasher.digest(of: $0) }.hex.prefix(32))
  }

  /// Not OpenSSL's, which takes a millisecond to start: a push that finds its segment stored needs nothing else of it.
  private static let hasher = ChunkHasher(key: SecretBytes(copying: Array("coffer folder of a log in cache.".utf8)))

  private func prefix(_ segment: String) -> String { segment + "-" }

  private static let sizeLimit = 1 << 30

  /// Returns a segment that is here.
  ///
  /// - Returns: nil where it is not here, or not whole.
  func take(_ segment: String) throws -> [UInt8]? {
    for name in (try? folder.names()) ?? [] where name.description.begins(with: prefix(segment)) {
      guard let bytes = try? folder.read(name, limit: Self.sizeLimit), name == (try self.name(of: segment, bytes))
      else { continue }
      return bytes
    }
    return nil
  }

  /// Removes a segment that was used, or with nil all that is here: it was read for another restore, or comes too late.
  func remove(_ segment: String?) {
    for name in (try? folder.names()) ?? [] where segment.map({ name.description.begins(with: prefix($0)) }) ?? true {
      try? folder.remove(name)
    }
  }

  func keep(_ segment: String, _ bytes: [UInt8]) throws {
    try folder.replace(try name(of: segment, bytes), with: bytes)
  }

  private func name(of segment: String, _ bytes: [UInt8]) throws -> EntryName {
    EntryName(prefix(segment) + (try bytes.withUnsafeBytes { try ContentHasher.hash($0) }).hex)
  }
}
