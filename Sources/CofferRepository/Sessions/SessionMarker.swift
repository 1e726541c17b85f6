import CofferStorage
import CofferSystem
import Glibc
import Synchronization

/// A running writer's presence: markers `sessions/<id>-<count>`.
///
/// The first one says that the session is there, before it looks at the rounds; the second one which round of compaction it has
/// seen. Both stand to its end, so that no list of the folder misses the session; the following ones say that it lives, whatever
/// its data does, and replace each other. Compaction waits for sessions, but nothing is safe by that. Nobody's clock decides: a
/// writer whose marker is gone was taken for dead, and must not commit.
final class SessionMarker: Sendable {
  static let folder = "sessions"
  /// Seconds between refreshes.
  static let refreshInterval: Double = 300
  /// Seconds between looks at whether it is time.
  private static let tick: Double = 15

  private struct State {
    var count = 0
    /// The first two.
    var lasting: [ObjectName] = []
    /// The last of the others.
    var renewed: ObjectName?
    /// Those that may have been put although the put failed.
    var uncertain: [ObjectName] = []
    var round: Int?
    var lastRefresh: Double
  }

  let id: String
  private let context: RepositoryContext
  private let state: Mutex<State>
  private let end: Cancellation
  private let thread = Mutex<WorkerThread?>(nil)

  /// A session that nobody knows of until it is announced.
  ///
  /// - Parameter cancellation: Stops what waits for the store.
  init(context: RepositoryContext, cancellation: Cancellation) throws {
    // Also the end of the session stops a renewal.
    end = try cancellation.follower()
    self.context = context.stopping(with: end)
    id = Hexadecimal.encode(try context.random.bytes(8))
    state = Mutex(State(lastRefresh: context.clock.steadySeconds()))
  }

  deinit {
    end.cancel()
  }

  /// Announces the session and keeps it alive from then on. Whatever is thrown, `remove` takes away what may be there.
  ///
  /// - Parameter stages: Folders that are listed on the way: those of the first stage beside it, the others behind.
  /// - Returns: What each list found, one stage behind the other.
  @discardableResult
  func announce(listing stages: [[String]] = []) throws -> [[ObjectStatus]] {
    let found = try state.withLock { state in
      let (name, found) = try put(&state) { name, bytes in
        try context.inOrder(OrderedCalls(put: .init(name, bytes), listing: stages)).map { try $0.get() }
      }
      state.lasting.append(name)
      return found
    }
    let worker = try WorkerThread(name: "session") { [weak self, end] in
      while (try? end.sleep(Self.tick)) != nil { self?.refresh() }
    }
    thread.withLock { $0 = worker }
    return found
  }

  /// Says which round the session has seen.
  func tell(_ round: Int) throws {
    try state.withLock { state in
      state.round = round
      state.lasting.append(try put(&state, context))
    }
  }

  /// Puts the next marker when it is time. A store that does not take it now is asked again: what matters is that a marker
  /// is there when the session commits.
  func refresh() {
    state.withLock { state in
      guard state.round != nil, context.clock.steadySeconds() - state.lastRefresh > Self.refreshInterval else { return }
      guard let name = try? put(&state, context) else { return }
      if let previous = state.renewed { try? context.store.unstoppable.delete(previous) }
      state.renewed = name
    }
  }

  /// Makes sure that nobody has taken the session for dead.
  ///
  /// - Throws: `RepositoryError.sessionExpired`; `StorageError`.
  func confirm() throws {
    try state.withLock { state in
      // What stands throughout is in the list, and one list is one request.
      let there = Set(try context.store.list(Self.folder).map(\.name))
      guard !state.lasting.isEmpty, there.isSuperset(of: state.lasting + [state.renewed].compactMap(\.self)) else {
        throw RepositoryError.sessionExpired(location: context.location)
      }
    }
  }

  /// Takes the markers away. Where they cannot be deleted (append-only stores), a last one says that the session has ended.
  func remove() {
    end.cancel()
    thread.withLock { $0 }?.join()
    state.withLock { state in
      let context = context.unstoppable
      for name in state.uncertain { try? context.store.delete(name) }
      let markers = [state.renewed].compactMap(\.self) + state.lasting.reversed()
      let areGone = try? context.sideBySide.map(markers) { name in (try? context.store.delete(name)) != nil }
      if areGone?.allSatisfy(\.self) != true { _ = try? put(&state, context, hasEnded: true) }
      state.lasting = []
      state.renewed = nil
      state.uncertain = []
    }
  }

  private func put(
    _ state: inout State, _ context: RepositoryContext, hasEnded: Bool? = nil
  ) throws -> ObjectName {
    try put(&state, hasEnded: hasEnded) { try context.store.put($0, $1) }.name
  }

  private func put<Result>(
    _ state: inout State, hasEnded: Bool? = nil, by put: (ObjectName, [UInt8]) throws -> Result
  ) throws -> (name: ObjectName, result: Result) {
    guard let name = ObjectName("\(Self.folder)/\(id)-\(state.count)") else {
      preconditionFailure("hex digits and a number are a name")
    }
    // A put that fails may have been done; the next one has other bytes, and so needs another name.
    state.count += 1
    state.uncertain.append(name)
    let record = SessionRecord(
      id: id, process: getpid(), written: context.clock.now(),
      identity: ProcessIdentity.current(), round: state.round, hasEnded: hasEnded,
      hostname: SessionRecord.ownHostname)
    let bytes = try context.envelope.seal(
      try record.encoded(), purpose: .session, context: Array(name.path.utf8), random: context.random)
    let result = try put(name, bytes)
    state.uncertain.removeLast()
    state.lastRefresh = context.clock.steadySeconds()
    return (name, result)
  }
}
