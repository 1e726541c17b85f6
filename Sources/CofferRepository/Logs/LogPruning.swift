import CofferStorage
import CofferSystem
import FoundationEssentials

/// What came of taking old log away.
public struct LogPruningReport: Sendable, Equatable {
  public var kept = 0
  /// Logs of other servers, and those of which it is not known whose they are: nothing of them goes.
  public var otherLogs = 0
  public var deleted = 0
  /// Bytes of what was deleted, or would be.
  public var deletedSize: UInt64 = 0
}

/// Decides what of the logs goes, by the rules L6 to L8 of Documentation/deleting.md.
struct LogPruning {
  private let context: RepositoryContext
  private let store: LogStore
  private let inventory: LogInventory
  /// Seconds.
  private let window: Double
  private let archives: [Archive]
  private let isOwn: (LogOrigin) -> Bool

  /// Objects that are opened at most until one is found that its signer has put.
  private static let tries = 16

  /// - Parameters:
  ///   - inventory: Made before the archives were listed.
  ///   - archives: All that there are.
  ///   - isOwn: Whether log of such a server is to go.
  init(
    _ context: RepositoryContext, _ inventory: LogInventory, window: Double, archives: [Archive],
    isOwn: @escaping (LogOrigin) -> Bool
  ) throws {
    self.context = context
    self.inventory = inventory
    self.window = window
    self.isOwn = isOwn
    self.archives = archives
    store = try LogStore(context)
  }

  /// What goes, oldest first, and the number of logs of which nothing may go.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func going() throws -> (objects: [LogStore.Listed], otherLogs: Int) {
    var going: [LogStore.Listed] = []
    var otherLogs = 0
    // Histories of a server are one log: what was put of the newest says how old the others are.
    let logs = Dictionary(grouping: inventory.groups.keys) { Log(server: $0.server, signer: $0.signer) }
    for (log, groups) in logs.sorted(by: { $0.key.order < $1.key.order }) {
      let objects = groups.map { inventory.groups[$0] ?? [] }
      guard let newest = try newest(of: objects.flatMap { $0 }, log), isOwn(newest.origin) else {
        otherLogs += 1
        continue
      }
      let limit = newest.time.addingTimeInterval(-window)
      let needed = try NeededLog(of: log.server, for: archives, before: limit, context)
      for group in groups.sorted(by: { ($0.history, $0.exponent) < ($1.history, $1.exponent) }) {
        let (gone, end) = try old(inventory.groups[group] ?? [], before: limit, needed)
        going += gone
        going += try files(of: group, before: limit, upTo: end).filter { !needed.includes($0) }
      }
    }
    return (going, otherLogs)
  }

  private struct Log: Hashable {
    let server: String
    let signer: LogSigner

    var order: (String, String) { (server, signer.text) }
  }

  /// What says how old a log is, and whose it is.
  private typealias Newest = (time: Date, origin: LogOrigin)

  /// When the store received the newest that the signer has certainly put, and what that says of its server.
  ///
  /// - Returns: nil where that is not known: then nothing goes.
  private func newest(of objects: [LogStore.Listed], _ log: Log) throws -> Newest? {
    // What is of the future was received by a wrong clock. Where all is, it is this machine's clock, and nothing is old.
    let now = context.clock.now()
    let past = objects.filter { $0.status.received <= now }
    let credible = past.isEmpty ? objects : past
    let single = try newest(of: credible.filter { $0.name.kind == .segment }, now: now)
    let joined = try newest(of: credible.filter { $0.name.kind == .joined }, now: now)
    if let newest = [single, joined].compactMap({ $0 }).max(by: { $0.time < $1.time }) { return newest }
    context.remarks.add(
      Diagnosis(
        subject: context.location,
        problem: "None of the newest objects of the log \(log.server) can be read: nothing of it is deleted",
        suggestion: "See what 'coffer check' says"))
    return nil
  }

  private func newest(of objects: [LogStore.Listed], now: Date) throws -> Newest? {
    for listed in objects.sorted(by: { $0.status.received > $1.status.received }).prefix(Self.tries) {
      guard let directory = try directory(of: listed) else { continue }
      let said = directory.segments.map(\.date).max() ?? listed.status.received
      return (time: min(said, listed.status.received, now), origin: directory.origin)
    }
    return nil
  }

  /// - Returns: nil for one that cannot be read, or has gone.
  private func directory(of listed: LogStore.Listed) throws -> LogDirectory? {
    try context.readable(orElse: "how old the log in it is, is not known") { try store.open(listed).directory }
  }

  /// What of a history goes: from its oldest place on, up to the first that is to stay.
  ///
  /// - Returns: The objects, and the first place that stays; nil where all goes.
  private func old(
    _ objects: [LogStore.Listed], before limit: Date, _ needed: NeededLog
  ) throws -> (going: [LogStore.Listed], end: LogPlace?) {
    var going: [LogStore.Listed] = []
    for listed in objects {
      guard !needed.includes(listed), try isOld(listed, before: limit) else { return (going, listed.name.first) }
      going.append(listed)
    }
    return (going, nil)
  }

  /// Whether both clocks say so: the store's, and that of whoever put it. What is joined says when the store had received it, and
  /// was joined later.
  private func isOld(_ listed: LogStore.Listed, before limit: Date) throws -> Bool {
    let isOldHere = listed.status.received < limit
    guard isOldHere || listed.name.kind == .joined else { return false }
    // What cannot be read is of no use to anybody.
    guard let said = try directory(of: listed)?.segments.map(\.date).max() else { return isOldHere }
    return said < limit
  }

  /// What belongs to places that have gone. Histories, which stand at place 0, stay: they are small, and later ones lead through them.
  private func files(of group: LogInventory.Group, before limit: Date, upTo end: LogPlace?) throws -> [LogStore.Listed]
  {
    try inventory.files.filter { file in
      // What is no segment may have another exponent than those around it.
      let isOfGroup =
        file.name.server.isSame(as: group.server) && file.name.signer == group.signer
        && file.name.first.history == group.history
      guard isOfGroup, file.name.first.number > 0, end.map({ file.name.first.number < $0.number }) ?? true else {
        return false
      }
      return try isOld(file, before: limit)
    }
  }
}
