import CofferStorage
import CofferSystem
import Synchronization

/// A store that refuses everything for one reason.
final class FaultyStore: ObjectStore {
  let location = "faulty"
  private let failure: StorageFailure
  private let calls = Mutex(0)

  init(_ failure: StorageFailure) {
    self.failure = failure
  }

  var callCount: Int { calls.withLock { $0 } }

  private func refuse() -> StorageError {
    calls.withLock { $0 += 1 }
    return .failed(nil, location: location, failure)
  }

  func makePlace(cancellation: Cancellation?) throws(StorageError) { throw refuse() }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    throw refuse()
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    throw refuse()
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    throw refuse()
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    throw refuse()
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    throw refuse()
  }

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    throw refuse()
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] { throw refuse() }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) { throw refuse() }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) { throw refuse() }
}
