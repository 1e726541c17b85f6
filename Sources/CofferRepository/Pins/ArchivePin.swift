import CofferSystem
import FoundationEssentials

/// Why an archive is to stay, and who has said so.
public struct ArchivePin: Codable, Sendable, Equatable {
  public let time: Date
  /// Where it was said, and by which user.
  public let hostname: String
  public let username: String
  /// Empty for none.
  public let reason: String

  public init(time: Date, hostname: String, username: String, reason: String) {
    self.time = time
    self.hostname = hostname
    self.username = username
    self.reason = reason
  }
}

/// The pins of a repository, as far as they are asked for.
public struct ArchivePins: Sendable {
  private let pins: [ExactName: ArchivePin?]

  public static let none = ArchivePins([:])

  /// - Parameter pins: By the ids of the archives; nil for one that cannot be read, and counts all the same.
  init(_ pins: [ExactName: ArchivePin?]) {
    self.pins = pins
  }

  public func isPinned(_ archive: Archive) -> Bool { pins[ExactName(archive.id)] != nil }

  /// What is known of an archive's pin; nil also where it cannot be read.
  public func pin(of archive: Archive) -> ArchivePin? { pins[ExactName(archive.id)] ?? nil }
}
