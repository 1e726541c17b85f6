import CofferSystem
import FoundationEssentials
import Glibc

/// What restores to a place have left beside it that were killed: databases, whole or not, under names that nobody knows.
///
/// Another restore to the place may be under way, also on another machine, and some processes this user cannot see. So only that is removed
/// which is certainly nobody's any more: a file of one name, of somebody who would own what is restored, that was not written to for a day and that no
/// process here has open.
struct SQLiteLeftOvers {
  private let place: SQLitePlace
  private let owners: Set<uid_t>

  /// Seconds.
  private static let age: Double = 24 * 3600
  private static let companions = ["", "-journal", "-wal", "-shm"].map { Array($0.utf8) }

  init(_ place: SQLitePlace, owners: Set<uid_t>) {
    self.place = place
    self.owners = owners
  }

  /// Removes it, as far as that can be done: what stays does no harm.
  func remove(at now: Date) {
    for name in (try? place.folder.names()) ?? [] where isOurs(name) {
      guard let facts = try? place.folder.status(of: name), facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink == 1,
        owners.contains(facts.st_uid), Double(facts.st_mtim.tv_sec) < now.timeIntervalSince1970 - Self.age,
        FileHolders.others(of: place.folder.path(of: name)).isEmpty
      else { continue }
      try? place.folder.remove(name)
    }
  }

  private func isOurs(_ name: EntryName) -> Bool {
    // Who has it open is asked for by its path, which is text.
    guard EntryName(name.description) == name else { return false }
    return Self.companions.contains { companion in
      name.bytes.suffix(companion.count).elementsEqual(companion)
        && Folder.isTemporaryName(EntryName(bytes: name.bytes.dropLast(companion.count)), for: place.name)
    }
  }
}
