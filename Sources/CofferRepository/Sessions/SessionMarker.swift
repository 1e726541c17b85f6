import CofferStorage
import CofferSystem
import Foundation
import Synchronization

/// A running writer's presence: `sessions/<id>-<count>`, replaced by the next count while it runs, whatever its data does.
///
/// Compaction deletes nothing that a living session may lean on. Nobody's clock decides: a writer whose marker is gone was
/// taken for dead, and must not commit.
final class SessionMarker: Sendable {
  static let folder = "sessions"
  /// Seconds between refreshes.
  static let refreshInterval: Double = 300
  /// Seconds between looks at whether it is time.
  private static let tick: Double = 15

  private struct State {
    var count = 0
    var current: ObjectName?
    var lastRefresh: Double
  }

  let id: String
  private let context: RepositoryContext
  private let state: Mutex<State>
  private let end: Cancellation
  private let thread = Mutex<WorkerThread?>(nil)

  /// Announces a session and keeps it alive from then on.
  ///
  /// - Parameter cancellation: Stops what waits for the store.
  init(context: RepositoryContext, cancellation: Cancellation) throws {
    // Also the end of the session stops a renewal.
    end = try cancellation.follower()
    self.context = context.stopping(with: end)
    id = Hexadecimal.encode(try context.random.bytes(8))
    state = Mutex(State(lastRefresh: context.clock.steadySeconds()))
    try state.withLock { try put(&$0) }
    do {
      let worker = try WorkerThread(name: "session") { [weak self, end] in
        while (try? end.sleep(Self.tick)) != nil { self?.refresh() }
      }
      thread.withLock { $0 = worker }
    } catch {
      remove()
      throw error
    }
  }

  deinit {
    end.cancel()
  }

  /// Puts the next marker when it is time. A store that does not take it now is asked again: what matters is that a marker
  /// is there when the session commits.
  func refresh() {
    state.withLock { state in
      guard state.current != nil, context.clock.steadySeconds() - state.lastRefresh > Self.refreshInterval else {
        return
      }
      try? put(&state)
    }
  }

  /// Makes sure that nobody has taken the session for dead.
  ///
  /// - Throws: `RepositoryError.sessionExpired`; `StorageError`.
  func confirm() throws {
    try state.withLock { state in
      do {
        guard let current = state.current else { throw RepositoryError.sessionExpired(location: context.location) }
        _ = try context.store.status(of: current)
      } catch StorageError.missing {
        throw RepositoryError.sessionExpired(location: context.location)
      }
    }
  }

  /// Takes the marker away. What cannot be deleted (append-only stores) is told from living ones by its process.
  func remove() {
    end.cancel()
    thread.withLock { $0 }?.join()
    state.withLock { state in
      guard let current = state.current else { return }
      try? context.store.unstoppable.delete(current)
      state.current = nil
    }
  }

  private func put(_ state: inout State) throws {
    guard let name = ObjectName("\(Self.folder)/\(id)-\(state.count)") else { return }
    // A put that fails may have been done; the next one has other bytes, and so needs another name.
    state.count += 1
    let record = SessionRecord(
      id: id, process: ProcessInfo.processInfo.processIdentifier, written: context.clock.now(),
      identity: ProcessIdentity.current())
    let bytes = try context.envelope.seal(
      try record.encoded(), purpose: .session, context: Array(name.path.utf8), random: context.random)
    try context.store.put(name, bytes)
    if let previous = state.current { try? context.store.unstoppable.delete(previous) }
    state.current = name
    state.lastRefresh = context.clock.steadySeconds()
  }
}

/// What a session's marker says.
struct SessionRecord: Codable {
  let id: String
  let process: Int32
  let written: Date
  /// nil where the system does not tell, and in markers of older programs.
  let identity: ProcessIdentity?

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(self))
  }

  /// - Throws: `StorageError`; `RepositoryError.damaged`.
  static func read(_ name: ObjectName, _ context: RepositoryContext) throws -> SessionRecord {
    let bytes = try context.store.get(name, limit: ObjectLimit.session)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    do {
      let payload = try context.envelope.open(
        bytes, purpose: .session, context: Array(name.path.utf8), signers: context.signers
      ).payload
      return try decoder.decode(SessionRecord.self, from: Data(payload))
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(name, error)
    } catch is DecodingError {
      throw context.damaged(name, "its content is not readable")
    }
  }
}
