import CofferSystem

/// Makes calls again that failed for a reason that may pass. Every other error is passed on at once, and the last of a
/// transient one in the end.
///
/// A put may have been done although its answer says otherwise: when the name is found to be taken afterwards, what is
/// there is compared with what was to be put.
public struct RetryingStore: ObjectStore {
  private let store: any ObjectStore
  private let policy: RetryPolicy
  private let chance: @Sendable () -> Double
  private let pause: Pause

  /// - Parameters:
  ///   - chance: Numbers from 0 to 1, evenly spread.
  ///   - pause: Waits.
  public init(
    _ store: any ObjectStore, _ policy: RetryPolicy = RetryPolicy(),
    chance: @escaping @Sendable () -> Double = { .random(in: 0...1) }, pause: @escaping Pause = systemPause
  ) {
    self.store = store
    self.policy = policy
    self.chance = chance
    self.pause = pause
  }

  public var location: String { store.location }

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

  /// A list that broke off is taken up behind the last object that it gave. Each page begins the count of tries anew: a long
  /// list may meet more failures than a short one.
  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    var last = last
    var turn = 0
    while true {
      do throws(StorageError) {
        return try store.list(folder, after: last, cancellation: cancellation) { page in
          last = page.last?.name ?? last
          turn = 0
          take(page)
        }
      } catch {
        try wait(before: turn, because: error, cancellation)
        turn += 1
      }
    }
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try retrying(cancellation) { (_) throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
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

  /// - Parameter call: Given how many calls failed before it.
  private func retrying<Result>(
    _ cancellation: Cancellation?, _ call: (_ turn: Int) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    var turn = 0
    while true {
      do throws(StorageError) {
        return try call(turn)
      } catch {
        try wait(before: turn, because: error, cancellation)
        turn += 1
      }
    }
  }

  /// - Throws: The error, when the call is not to be made again; `StorageError.cancelled`.
  private func wait(
    before turn: Int, because error: StorageError, _ cancellation: Cancellation?
  ) throws(StorageError) {
    guard error.kind == .transient, turn < policy.retries else { throw error }
    pause(policy.wait(before: turn, chance: chance(), asked: error.retryAfter), cancellation)
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
  }
}
