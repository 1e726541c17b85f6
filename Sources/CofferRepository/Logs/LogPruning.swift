import CofferStorage
import CofferSystem
import FoundationEssentials

/// What an archive needs of a server's log.
public struct LogNeed: Sendable, Equatable {
  public let server: LogServer
  /// The first segment that it needs, and the last without which it is nothing.
  public let first: LogPlace
  public let last: LogPlace
  /// When the archive was made.
  public let time: Date

  public init(server: LogServer, first: LogPlace, last: LogPlace, time: Date) {
    self.server = server
    self.first = first
    self.last = last
    self.time = time
  }
}

/// What came of taking old log away.
public struct LogPruningReport: Sendable, Equatable {
  public var kept = 0
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
  private let needs: [(server: String, need: LogNeed)]

  /// Objects that are opened at most until one is found that its signer has put.
  private static let tries = 16

  /// - Parameters:
  ///   - inventory: Made before the archives were listed.
  ///   - needs: Of all archives that there are.
  init(_ context: RepositoryContext, _ inventory: LogInventory, window: Double, needs: [LogNeed]) throws {
    self.context = context
    self.inventory = inventory
    self.window = window
    store = try LogStore(context)
    self.needs = try needs.map { (try $0.server.id(context), $0) }
  }

  /// What goes, oldest first.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func going() throws -> [LogStore.Listed] {
    var going: [LogStore.Listed] = []
    // Histories of a server are one log: what was put of the newest says how old the others are.
    let logs = Dictionary(grouping: inventory.groups.keys) { Log(server: $0.server, signer: $0.signer) }
    for (log, groups) in logs.sorted(by: { $0.key.order < $1.key.order }) {
      let objects = groups.map { inventory.groups[$0] ?? [] }
      guard let newest = try newest(of: objects.flatMap { $0 }, log) else { continue }
      let limit = newest.addingTimeInterval(-window)
      for group in groups.sorted(by: { ($0.history, $0.exponent) < ($1.history, $1.exponent) }) {
        let (gone, end) = try old(inventory.groups[group] ?? [], before: limit, of: log)
        going += gone
        going += files(of: group, before: limit, upTo: end).filter { !isNeeded($0.name, before: limit, of: log) }
      }
    }
    return going
  }

  private struct Log: Hashable {
    let server: String
    let signer: LogSigner

    var order: (String, String) { (server, signer.text) }
  }

  /// When the store received the newest that the signer has certainly put.
  ///
  /// - Returns: nil where that is not known: then nothing goes.
  private func newest(of objects: [LogStore.Listed], _ log: Log) throws -> Date? {
    let single = try newest(of: objects.filter { $0.name.kind == .segment })
    let joined = try newest(of: objects.filter { $0.name.kind == .joined })
    if let newest = [single, joined].compactMap({ $0 }).max() { return newest }
    context.remarks.add(
      Diagnosis(
        subject: context.location,
        problem: "None of the newest objects of the log \(log.server) can be read: nothing of it is deleted",
        suggestion: "See what 'coffer check' says"))
    return nil
  }

  private func newest(of objects: [LogStore.Listed]) throws -> Date? {
    for listed in objects.sorted(by: { $0.status.received > $1.status.received }).prefix(Self.tries) {
      if let time = try time(of: listed) { return time }
    }
    return nil
  }

  /// When the newest segment of an object was received; of a joined one that is said in it.
  ///
  /// - Returns: nil for one that cannot be read, or has gone.
  private func time(of listed: LogStore.Listed) throws -> Date? {
    do {
      let directory = try store.open(listed).directory
      guard listed.name.kind == .joined, let last = directory.segments.map(\.date).max() else {
        return listed.status.received
      }
      return min(last, listed.status.received)
    } catch StorageError.missing {
      return nil
    } catch let error where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "how old the log in it is, is not known")
      return nil
    }
  }

  /// What of a history goes: from its oldest place on, up to the first that is to stay; what an archive needs is passed over.
  ///
  /// - Returns: The objects, and the first place that stays; nil where all goes but for what is needed.
  private func old(
    _ objects: [LogStore.Listed], before limit: Date, of log: Log
  ) throws -> (going: [LogStore.Listed], end: LogPlace?) {
    var going: [LogStore.Listed] = []
    for listed in objects {
      if isNeeded(listed.name, before: limit, of: log) { continue }
      // What is joined was received before it was joined.
      var isOld = listed.status.received < limit
      if !isOld, listed.name.kind == .joined { isOld = try time(of: listed).map { $0 < limit } ?? false }
      guard isOld else { return (going, listed.name.first) }
      going.append(listed)
    }
    return (going, nil)
  }

  /// Whether an archive needs some of it: for itself, or because it is the one from which every moment of the window is reached.
  private func isNeeded(_ name: LogName, before limit: Date, of log: Log) -> Bool {
    let own = needs.filter { $0.server.isSame(as: log.server) }.map(\.need)
    // From the newest that is older than the window everything is needed; later histories may have gone out from this one.
    let start = own.filter { $0.time <= limit }.max { $0.time < $1.time }
    if let start, (start.first.history, start.first.number) <= (name.last.history, name.last.number) { return true }
    return own.contains { need in
      (need.first.history, need.first.number) <= (name.last.history, name.last.number)
        && (name.first.history, name.first.number) <= (need.last.history, need.last.number)
    }
  }

  /// What belongs to places that have gone. Histories, which stand at place 0, stay: they are small, and later ones lead through them.
  private func files(of group: LogInventory.Group, before limit: Date, upTo end: LogPlace?) -> [LogStore.Listed] {
    inventory.files.filter { file in
      // What is no segment may have another exponent than those around it.
      let isOfGroup =
        file.name.server.isSame(as: group.server) && file.name.signer == group.signer
        && file.name.first.history == group.history
      return isOfGroup && file.name.first.number > 0 && file.status.received < limit
        && end.map { file.name.first.number < $0.number } ?? true
    }
  }
}
