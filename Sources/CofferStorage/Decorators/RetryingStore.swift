import CofferSystem
import Synchronization

/// Makes calls again that failed for a reason that may pass. Every other error is passed on at once, and the last of a
/// transient one in the end.
///
/// A put may have been done although its answer says otherwise: when the name is found to be taken afterwards, what is
/// there is compared with what was to be put.
///
/// A store that was given up because patience was at an end is asked once by each call that follows, until one succeeds: else
/// every call that tidies up behind the failure would wait as long again.
public final class RetryingStore: ObjectStore {
  private let store: any ObjectStore
  private let policy: RetryPolicy
  private let chance: @Sendable () -> Double
  private let clock: Clock
  private let pause: Pause
  private let tell: @Sendable (RetryNews) -> Void
  private let isGivenUp = Atomic<Bool>(false)

  /// - Parameters:
  ///   - chance: Numbers from 0 to 1, evenly spread.
  ///   - pause: Waits.
  ///   - tell: Told of what is waited for, on the thread of the call.
  public init(
    _ store: any ObjectStore, _ policy: RetryPolicy = RetryPolicy(),
    chance: @escaping @Sendable () -> Double = { .random(in: 0...1) }, clock: Clock = .system,
    pause: @escaping Pause = systemPause, tell: @escaping @Sendable (RetryNews) -> Void = { _ in }
  ) {
    self.store = store
    self.policy = policy
    self.chance = chance
    self.clock = clock
    self.pause = pause
    self.tell = tell
  }

  public var location: String { store.location }

  public var abilities: StoreAbilities { store.abilities }

  public func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities {
    try retrying(cancellation) { (_) throws(StorageError) in try store.learnAbilities(cancellation: cancellation) }
  }

  public func expectTransfer(of bytes: UInt64) { store.expectTransfer(of: bytes) }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try retrying(cancellation) { (_) throws(StorageError) in try store.makePlace(cancellation: cancellation) }
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    let taken = try retrying(cancellation) { (turn) throws(StorageError) -> StorageError? in
      do throws(StorageError) {
        try store.put(name, content, cancellation: cancellation)
      } catch {
        guard turn > 0, case .exists = error else { throw error }
        return error
      }
      return nil
    }
    if let taken, try !holds(name, content, cancellation: cancellation) { throw taken }
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.get(name, range: range, cancellation: cancellation)
    }
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.status(of: name, cancellation: cancellation)
    }
  }

  public func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.stands(name, content, beginning: beginning, cancellation: cancellation)
    }
  }

  /// A list that broke off is taken up behind the last object that it gave. Each page begins the count of tries anew: a long
  /// list may meet more failures than a short one.
  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    var last = last
    var trouble = Trouble()
    defer { end(&trouble) }
    while true {
      do throws(StorageError) {
        try store.list(folder, after: last, cancellation: cancellation) { page in
          last = page.last?.name ?? last
          end(&trouble)
          take(page)
        }
        return isGivenUp.store(false, ordering: .relaxed)
      } catch {
        try wait(&trouble, because: error, cancellation)
      }
    }
  }

  /// Made once: who is told of a failure makes the calls one by one.
  public func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
    try store.inOrder(calls, cancellation: cancellation)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
    }
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
    }
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.unfinishedPuts(cancellation: cancellation)
    }
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try retrying(cancellation) { (_) throws(StorageError) in try store.remove(put, cancellation: cancellation) }
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try retrying(cancellation) { (_) throws(StorageError) in try store.delete(name, cancellation: cancellation) }
  }

  public var lockTime: Double? { store.lockTime }

  public func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.renewLock(of: name, cancellation: cancellation)
    }
  }

  /// The failures of one call so far.
  private struct Trouble {
    var turn = 0
    /// When the first of them was, in seconds of the steady clock.
    var start: Double?
    /// Whether patience ends with the wait that was the latest.
    var isLastTry = false
  }

  /// - Parameter call: Given how many calls failed before it.
  private func retrying<Result>(
    _ cancellation: Cancellation?, _ call: (_ turn: Int) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    var trouble = Trouble()
    defer { end(&trouble) }
    while true {
      do throws(StorageError) {
        let result = try call(trouble.turn)
        isGivenUp.store(false, ordering: .relaxed)
        return result
      } catch {
        try wait(&trouble, because: error, cancellation)
      }
    }
  }

  /// - Throws: The error, when the call is not to be made again; `StorageError.cancelled`.
  private func wait(
    _ trouble: inout Trouble, because error: StorageError, _ cancellation: Cancellation?
  ) throws(StorageError) {
    guard error.kind == .transient, trouble.turn < policy.retries, !isGivenUp.load(ordering: .relaxed) else {
      throw error
    }
    let wanted = policy.wait(before: trouble.turn, chance: chance(), asked: error.retryAfter)
    let now = clock.steadySeconds()
    let start = trouble.start ?? now
    let left = policy.patience - (now - start)
    guard !trouble.isLastTry, left > 0 else {
      isGivenUp.store(true, ordering: .relaxed)
      throw error
    }
    // What is to be left alone for longer than it is waited for is asked once more in the end.
    let seconds = min(wanted, left)
    tell(.waits(because: error, turn: trouble.turn, seconds: seconds))
    trouble = Trouble(turn: trouble.turn + 1, start: start, isLastTry: wanted >= left)
    pause(seconds, cancellation)
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
  }

  private func end(_ trouble: inout Trouble) {
    if trouble.turn > 0 { tell(.ends) }
    trouble = Trouble()
  }
}

/// What becomes of a call that failed for a reason that may pass.
public enum RetryNews: Sendable, Equatable {
  /// It will be made again after so many seconds.
  ///
  /// - Parameter turn: How often it was made again before.
  case waits(because: StorageError, turn: Int, seconds: Double)
  /// It waits no more: it has succeeded, was given up, or another failure has ended it. Told once for each call that had to
  /// wait, and for each page of a list before which it had.
  case ends
}
