import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// Files of several names that were stored under one of them, until all have been found. Used by one thread.
final class LinkMemory {
  struct Known {
    let stream: RepositoryGroup.Stored?
    /// With the path of the name that was found first, and of a file with no content.
    let item: ArchiveItem
    /// Names that were not found yet.
    fileprivate var rest: UInt64
  }

  private var known: [FileMoment: Known] = [:]

  /// Whether it is something of several names. Folders count those of the folders in them.
  static func mayHaveNames(_ facts: stat) -> Bool { facts.st_nlink > 1 && facts.st_mode & S_IFMT != S_IFDIR }

  /// What is known of the file by another of its names.
  func take(_ facts: stat) -> Known? {
    guard Self.mayHaveNames(facts) else { return nil }
    let moment = FileMoment(facts)
    guard var found = known[moment] else { return nil }
    found.rest -= 1
    known[moment] = found.rest > 0 ? found : nil
    return found
  }

  func remember(_ stream: RepositoryGroup.Stored?, _ item: ArchiveItem, _ facts: stat) {
    known[FileMoment(facts)] = Known(stream: stream, item: item, rest: UInt64(facts.st_nlink) - 1)
  }
}
