import CofferSystem

/// Whether this machine has made a backup into a repository far away. The first one has most of its bytes to send, and who knows that it
/// is the first begins connections for them while the repository is still being opened. Nothing else is believed of it.
public struct EarlierBackups: Sendable {
  private let note: RepositoryNote

  private static let mark: [UInt8] = Array("made".utf8)

  /// - Parameter location: The repository's.
  public init(_ surroundings: RepositorySurroundings, location: String) {
    note = RepositoryNote("backups", in: surroundings.isFar ? surroundings.cacheFolder : nil, of: location)
  }

  public var areKnown: Bool { note.read(limit: Self.mark.count).map { $0 == Self.mark } ?? false }

  func keep() { if !areKnown { note.write(Self.mark) } }
}
