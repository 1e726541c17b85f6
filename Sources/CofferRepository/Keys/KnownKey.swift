import CofferSystem
import FoundationEssentials

/// What this machine remembers of the key that opened a repository last: how its passphrase is stretched, and under which name it is
/// kept open. None of it is secret, and none of it is believed: it tells only what may be worth beginning with.
struct KnownKey: Sendable {
  struct Last: Codable, Equatable {
    let wrapping: KeyRecord.Wrapping
    /// The name of `OpenedKeys`.
    let keptName: String
  }

  private let note: RepositoryNote

  private static let sizeLimit = 1 << 10

  /// - Parameters:
  ///   - cacheFolder: Of all repositories; nil for no memory.
  ///   - location: The repository's.
  init(_ cacheFolder: String?, location: String) {
    note = RepositoryNote("last-keys", in: cacheFolder, of: location)
  }

  /// nil when that is not known.
  var last: Last? {
    note.read(limit: Self.sizeLimit).flatMap { try? JSONDecoder().decode(Last.self, from: Data($0)) }
  }

  func keep(_ record: KeyRecord) {
    guard let keptName = try? OpenedKeys.name(of: record) else { return }
    let opened = Last(wrapping: record.clear.wrapping, keptName: keptName)
    guard opened != last, let bytes = try? JSONEncoder().encode(opened) else { return }
    note.write(Array(bytes))
  }
}
