import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// The archives that a list shows, before it is said what they count for.
///
/// Who judges them lists them first and loads the rounds afterwards: what counts then counts for good.
struct ListedArchives: Sendable {
  /// All that can be read, also those that do not count.
  let archives: [Archive]
  /// The ids of those whose records cannot be read.
  let passedOver: [String]

  static let none = ListedArchives(archives: [], passedOver: [])

  private init(archives: [Archive], passedOver: [String]) {
    self.archives = archives
    self.passedOver = passedOver
  }

  /// What came of reading a record.
  private enum Record {
    case archive(Archive)
    case passedOver(String)
    /// Deleted since it was listed.
    case gone
  }

  /// Lists the archives, and reads the records that this machine does not know. Of those that cannot be read it is said once
  /// that they are passed over.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  init(_ context: RepositoryContext) throws {
    try self.init(context, try context.store.list(ArchiveRecord.folder))
  }

  /// - Parameter listed: What a list of the folder has shown.
  init(_ context: RepositoryContext, _ listed: [ObjectStatus]) throws {
    let known = ArchiveCache(context: context).load()
    try self.init(context, listed, knowing: known)
    try tellGone(among: known, context)
  }

  /// Of the newest whole archive that this machine has seen it is told, once, when it is gone: `prune` takes others away, also partial
  /// ones that are newer, but not that one. Where none is left a check tells, and a compaction does nothing.
  ///
  /// - Parameter known: By their ids; without those that this machine has deleted.
  private func tellGone(among known: [String: Archive], _ context: RepositoryContext) throws {
    guard let last = archives.max(by: { $0.order < $1.order }),
      let newest = known.values.filter({ !$0.isPartial }).max(by: { $0.order < $1.order }), last.order < newest.order,
      // When a store has received it this machine's cache does not say, so that it may look newer than itself.
      !archives.contains(where: { $0.id.isSame(as: newest.id) }),
      let name = ObjectName("\(ArchiveRecord.folder)/\(newest.id)")
    else { return }
    do {
      // It may have been put since the list was made.
      _ = try context.store.status(of: name)
    } catch StorageError.missing {
      context.remarks.add(
        Diagnosis(
          subject: "repository \(context.location)",
          problem:
            "The newest archive that this machine has seen here, '\(newest.name)', is gone, and was not deleted by it: "
            + "somebody else has deleted it, or the repository was put back to what it was before",
          suggestion:
            "If nobody has, see whether this is the repository that it should be, and whether other copies have more"))
      ArchiveCache(context: context).store(archives)
    } catch let error where RunStore.concernsObject(error) {
      return
    }
  }

  /// Those of a list that was made when an archive had been put.
  init(
    _ context: RepositoryContext, _ listed: [ObjectStatus], after earlier: ListedArchives, and new: Archive
  ) throws {
    let known = earlier.archives + [new]
    try self.init(context, listed, knowing: Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { $1 }), new.id)
  }

  /// - Parameters:
  ///   - known: Archives by their ids, which need not be read.
  ///   - new: The one of them that this machine's cache does not have yet.
  private init(
    _ context: RepositoryContext, _ listed: [ObjectStatus], knowing known: [String: Archive], _ new: String? = nil
  ) throws {
    let found = try context.sideBySide.map(listed) { status in
      try Self.read(status, known, context)
    }
    archives = found.compactMap { if case .archive(let archive) = $0 { archive } else { nil } }
    passedOver = found.compactMap { if case .passedOver(let id) = $0 { id } else { nil } }
    let isNews = archives.contains { known[$0.id] == nil || $0.id == new }
    if isNews { ArchiveCache(context: context).store(archives) }
  }

  private static func read(
    _ status: ObjectStatus, _ known: [String: Archive], _ context: RepositoryContext
  ) throws -> Record {
    do {
      let known = status.name.parts.count == 2 ? known[status.name.lastPart] : nil
      if let known { try context.checkCounts(known) }
      var archive = try known ?? ArchiveRecord.read(status, context: context)
      archive.received = status.received
      return .archive(archive)
    } catch StorageError.missing {
      return .gone
    } catch let error where !RunStore.concernsObject(error) {
      throw error
    } catch {
      context.remarks.add(error, consequence: "it is passed over")
      return .passedOver(status.name.lastPart)
    }
  }

  /// When the store received an archive's record; nil for one that is not in the list.
  func received(_ id: String) -> Date? { archives.first { $0.id.isSame(as: id) }?.received }

  /// The archives with what they count for, oldest first.
  ///
  /// - Parameter rounds: Loaded since the archives were listed; nil if what was decided cannot be read: then nothing is known.
  func judged(by rounds: Rounds?) -> [Archive] {
    let judged = archives.map { archive in
      var archive = archive
      archive.standing = rounds?.standing(of: archive.id, round: archive.round) ?? .undecided
      return archive
    }
    return judged.sorted { $0.order < $1.order }
  }
}
