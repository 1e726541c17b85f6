import CofferStorage
import CofferSystem
import FoundationEssentials

extension ArchiveRecord {
  /// Writes the record: after this call returns, and not before, the archive exists.
  ///
  /// - Parameters:
  ///   - round: The one that the session has seen.
  ///   - folders: Are listed when it has been put.
  /// - Returns: The archive, and what came of each list.
  static func commit(
    _ draft: ArchiveDraft, items: StreamReference, statistics: ArchiveStatistics, round: Int,
    thenListing folders: [String], context: RepositoryContext
  ) throws -> (Archive, [Result<[ObjectStatus], any Error>]) {
    let now = context.clock.now()
    let id = ArchiveID.make(at: now, try context.random.bytes(8))
    guard let name = ObjectName("\(folder)/\(id)") else {
      throw RepositoryError.noSuchArchive(id, location: context.location)
    }
    var archive = Archive(id: id, draft: draft, end: now, statistics: statistics, items: items)
    archive.round = round
    archive.writeOnlyKey = context.keys.role == .full ? nil : context.keys.id.description
    let bytes = try context.envelope.seal(
      try encode(archive), purpose: .archive, context: Array(name.path.utf8), random: context.random)
    return (
      archive, try context.inOrder(OrderedCalls(put: .init(name, bytes), listing: [[], folders], goOnBehindPut: true))
    )
  }
}
