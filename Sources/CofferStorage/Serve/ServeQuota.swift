import CofferSystem
import Synchronization

/// How much of a repository's room is taken, of what its clients may take.
///
/// What is there is counted when the first object is put, and again when there seems to be no room left: others may have
/// deleted meanwhile. Two servers of one repository do not know what the other is just being sent, so that together they may go
/// beyond by that much.
final class ServeQuota: Sendable {
  private let limit: Int
  private let store: LocalDirectoryStore
  /// nil until it was counted; what is being put is among it.
  private let taken = Mutex<Int?>(nil)

  init(_ limit: Int, _ store: LocalDirectoryStore) {
    self.limit = limit
    self.store = store
  }

  /// Takes room.
  ///
  /// - Returns: false when there is none.
  /// - Throws: `StorageError` when it cannot be counted.
  func take(_ size: Int, _ cancellation: Cancellation) throws(StorageError) -> Bool {
    if takeKnown(size) { return true }
    let counted = try count(cancellation)
    taken.withLock { $0 = counted }
    return takeKnown(size)
  }

  /// Gives room back that was taken for nothing.
  func giveBack(_ size: Int) {
    taken.withLock { $0 = $0.map { max($0 - size, 0) } }
  }

  private func takeKnown(_ size: Int) -> Bool {
    taken.withLock { taken in
      guard let known = taken else { return false }
      let (sum, overflow) = known.addingReportingOverflow(size)
      guard !overflow, sum <= limit else { return false }
      taken = sum
      return true
    }
  }

  private func count(_ cancellation: Cancellation) throws(StorageError) -> Int {
    var sum = 0
    func add(_ size: Int) { sum = sum.addingReportingOverflow(size).overflow ? .max : sum + size }
    try store.list("", after: nil, cancellation: cancellation) { for status in $0 { add(status.size) } }
    for put in try store.unfinishedPuts(cancellation: cancellation) { add(put.size) }
    return sum
  }
}
