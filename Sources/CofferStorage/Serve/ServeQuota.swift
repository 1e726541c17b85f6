import CofferSystem
import Synchronization

/// How much of a repository's room is taken, of what its clients may take.
///
/// What is there is counted before the first object is put, and again before more than a sixteenth of what was left then is
/// given away: other servers of the repository put, too, and others may have deleted. What another server is just being sent
/// nobody else knows, so that together they may go beyond by that much, and by what each gives away without counting.
final class ServeQuota: Sendable {
  private struct Room {
    /// Bytes that are stored, as far as is known; nil until they were counted.
    var counted: Int?
    /// Bytes of puts that are under way.
    var promised = 0
    /// Bytes that may be promised before it is counted again.
    var allowance = 0
    /// Bytes of puts that have ended since the last count began, which it may have missed.
    var fresh = 0

    mutating func take(_ size: Int, limit: Int) -> Bool {
      guard let counted else { return false }
      var sum = counted
      for more in [promised, size] {
        let (next, overflow) = sum.addingReportingOverflow(more)
        guard !overflow else { return false }
        sum = next
      }
      guard sum <= limit else { return false }
      promised += size
      allowance -= min(size, allowance)
      return true
    }
  }

  private let limit: Int
  private let store: LocalDirectoryStore
  private let room = Mutex(Room())
  /// Held by whoever counts.
  private let counting = Mutex(())

  init(_ limit: Int, _ store: LocalDirectoryStore) {
    self.limit = limit
    self.store = store
  }

  /// Promises room to a put, which `settle` ends.
  ///
  /// - Returns: false when there is none.
  /// - Throws: `StorageError` when it cannot be counted.
  func take(_ size: Int, _ cancellation: Cancellation) throws(StorageError) -> Bool {
    if takeKnown(size) { return true }
    return try counting.withLock { (_) throws(StorageError) in
      // Another thread may have counted meanwhile.
      if takeKnown(size) { return true }
      room.withLock { $0.fresh = 0 }
      let counted = try count(cancellation)
      return room.withLock { room in
        let (sum, overflow) = counted.addingReportingOverflow(room.fresh)
        room.counted = overflow ? .max : sum
        room.allowance = max(limit - (room.counted ?? 0), 0) / 16
        return room.take(size, limit: limit)
      }
    }
  }

  /// Ends the promise to a put.
  ///
  /// - Parameter isStored: Whether its bytes are there now.
  func settle(_ size: Int, isStored: Bool) {
    room.withLock { room in
      room.promised -= size
      guard isStored else { return }
      room.counted = room.counted.map { $0.addingReportingOverflow(size).overflow ? .max : $0 + size }
      room.fresh = room.fresh.addingReportingOverflow(size).overflow ? .max : room.fresh + size
    }
  }

  private func takeKnown(_ size: Int) -> Bool {
    room.withLock { $0.allowance >= size && $0.take(size, limit: limit) }
  }

  /// Without what this server is being sent, which is promised.
  private func count(_ cancellation: Cancellation) throws(StorageError) -> Int {
    var sum = 0
    func add(_ size: Int) { sum = sum.addingReportingOverflow(size).overflow ? .max : sum + size }
    try store.list("", after: nil, cancellation: cancellation) { for status in $0 { add(status.size) } }
    for put in try store.unfinishedPuts(cancellation: cancellation) where !store.isOwn(put) { add(put.size) }
    return sum
  }
}
