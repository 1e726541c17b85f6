import CofferStorage
import CofferSystem
import Foundation
import Synchronization

/// A running writer's presence: `sessions/<id>-<count>`, replaced by the next count while it runs.
///
/// Compaction deletes nothing that a session older than its condemnation may lean on; a session that was not
/// refreshed for an hour is dead, and a writer that finds itself dead stops.
final class SessionMarker: Sendable {
  static let folder = "sessions"
  /// Seconds without a refresh after which a session counts as dead.
  static let lifetime: Double = 3600
  /// Seconds between refreshes.
  static let refreshInterval: Double = 600

  private struct State {
    var count = 0
    var current: ObjectName?
    var lastRefresh: Double
  }

  let id: String
  private let context: RepositoryContext
  private let state: Mutex<State>

  /// Announces a session.
  init(context: RepositoryContext) throws {
    self.context = context
    id = Hexadecimal.encode(try context.random.bytes(8))
    state = Mutex(State(lastRefresh: context.clock.steadySeconds()))
    try state.withLock { try put(&$0) }
  }

  /// Refreshes the marker when it is time; cheap to call often.
  ///
  /// - Throws: `RepositoryError.sessionExpired` when the marker was not refreshed in time.
  func heartbeat() throws {
    try state.withLock { state in
      let age = context.clock.steadySeconds() - state.lastRefresh
      if age > Self.lifetime { throw RepositoryError.sessionExpired(location: context.location) }
      if age > Self.refreshInterval { try put(&state) }
    }
  }

  /// Takes the marker away. What cannot be deleted (append-only stores) expires by itself.
  func remove() {
    state.withLock { state in
      guard let current = state.current else { return }
      try? context.store.delete(current)
      state.current = nil
    }
  }

  private func put(_ state: inout State) throws {
    guard let name = ObjectName("\(Self.folder)/\(id)-\(state.count)") else { return }
    let record = Record(id: id, process: ProcessInfo.processInfo.processIdentifier, written: context.clock.now())
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    let bytes = try context.envelope.seal(
      Array(try encoder.encode(record)), purpose: .session, context: Array(name.path.utf8),
      random: context.random)
    try context.store.put(name, bytes)
    if let previous = state.current { try? context.store.delete(previous) }
    state.current = name
    state.count += 1
    state.lastRefresh = context.clock.steadySeconds()
  }

  private struct Record: Codable {
    let id: String
    let process: Int32
    let written: Date
  }
}
