import CofferRepository
import CofferSystem

/// Looks for the archive that something is brought forward from: the newest that leads to where it is to come.
struct ArchiveSearch {
  let access: OpenRepository
  let reader: ArchiveReader
  let context: ActionContext

  /// - Parameters:
  ///   - none: What is thrown where there is no archive.
  ///   - leadsToOlder: Whether an older archive may do where one does not for such a reason.
  ///   - take: Is given an archive, its dumps, and a number that no other has.
  /// - Throws: `RestoreSelection.Failure`; `ClusterRestoreError`; what reading and `take` throw.
  func find<Found>(
    none: any Error, leadsToOlder: (any Error) -> Bool, _ take: (Archive, [ArchiveDump], Int) throws -> Found
  ) throws -> Found {
    var why: (any Error)?
    var unreadable: (any Error)?
    let isNamed = context.namedArchive != nil
    for (number, archive) in try access.archives(toLeadOnFrom: context).enumerated() {
      try context.cancellation.check()
      do {
        guard let all = try readable(archive, isNamed: isNamed, &unreadable) else { continue }
        return try take(archive, all, number)
      } catch let error where !isNamed && (error is RestoreSelection.Failure || error is ClusterRestoreError) {
        why = why ?? error
      } catch let error where leadsToOlder(error) && !isNamed {
        why = error
      }
    }
    // What cannot be read may have had what is looked for.
    throw unreadable ?? why ?? none
  }

  /// - Returns: nil for an archive that cannot be read: an older one leads to the target, too, by more of the log.
  private func readable(
    _ archive: Archive, isNamed: Bool, _ unreadable: inout (any Error)?
  ) throws -> [ArchiveDump]? {
    do {
      return try ArchiveDump.all(of: archive, reader, context.cancellation)
    } catch let error where !isNamed && Archive.isConcerned(by: error) {
      context.console.warning(
        "Archive \(archive.name) cannot be read, and an older one is looked at: \(Console.text(Diagnosis(of: error)))")
      unreadable = error
      return nil
    }
  }
}
