import CofferSystem
import Synchronization

/// How much of a repository's room is taken, of what its clients may take.
///
/// What is there is counted when the first object is put, and again when there seems to be no room left: others may have
/// deleted meanwhile. Two servers of one repository do not know what the other is just being sent, so that together they may go
/// beyond by that much.
final class ServeQuota: Sendable {
  private struct State: Sendable {
    /// Bytes of what is there; nil until it was counted.
    var taken: Int?
    /// Bytes of what is being put; what there is of it already is not among `taken`.
    var reserved = 0
    /// While what is there is counted: bytes that were put meanwhile.
    var putMeanwhile: Int?
  }

  private let limit: Int
  private let store: LocalDirectoryStore
  private let state = Mutex(State())
  /// Held by the one who counts; the others lean on what that finds.
  private let counting = Mutex(())

  init(_ limit: Int, _ store: LocalDirectoryStore) {
    self.limit = limit
    self.store = store
  }

  /// Takes room for an object that is to be put, until `release`.
  ///
  /// - Returns: false when there is none.
  /// - Throws: `StorageError` when it cannot be counted.
  func reserve(_ size: Int, _ cancellation: Cancellation) throws(StorageError) -> Bool {
    if reserveKnown(size) { return true }
    let result = counting.withLock { _ -> Result<Bool, StorageError> in
      if reserveKnown(size) { return .success(true) }
      state.withLock { $0.putMeanwhile = 0 }
      defer { state.withLock { $0.putMeanwhile = nil } }
      do throws(StorageError) {
        let counted = try count(cancellation)
        // Some of what was put meanwhile is counted twice by this: rather no room too early than more than there is.
        state.withLock { $0.taken = Self.sum(counted, $0.putMeanwhile ?? 0) }
        return .success(reserveKnown(size))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// The put is over.
  ///
  /// - Parameter isUsed: Whether the object is there now.
  func release(_ size: Int, isUsed: Bool) {
    state.withLock { state in
      state.reserved = max(state.reserved - size, 0)
      guard isUsed else { return }
      state.taken = state.taken.map { Self.sum($0, size) }
      state.putMeanwhile = state.putMeanwhile.map { Self.sum($0, size) }
    }
  }

  /// An object is gone. While the others are counted it may be missing among them already, so that the next count says.
  func note(deleted size: Int) {
    state.withLock { state in
      if state.putMeanwhile == nil { state.taken = state.taken.map { max($0 - size, 0) } }
    }
  }

  private func reserveKnown(_ size: Int) -> Bool {
    state.withLock { state in
      guard let taken = state.taken, Self.sum(Self.sum(taken, state.reserved), size) <= limit else { return false }
      state.reserved += size
      return true
    }
  }

  private func count(_ cancellation: Cancellation) throws(StorageError) -> Int {
    var sum = 0
    try store.list("", after: nil, cancellation: cancellation) { for status in $0 { sum = Self.sum(sum, status.size) } }
    for put in try store.unfinishedPuts(cancellation: cancellation) where !store.isOwn(put) {
      sum = Self.sum(sum, put.size)
    }
    return sum
  }

  /// As far as numbers go.
  private static func sum(_ one: Int, _ other: Int) -> Int {
    let (sum, overflow) = one.addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
