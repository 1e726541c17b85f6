import CofferStorage
import CofferSystem
import Synchronization

/// Remembers what was read of a store: names, and with a space ranges of them. Everything else it passes on, and tells when an
/// object has been put, or is to be read: what is thrown then is an answer that is lost.
final class RecordingStore: ObjectStore {
  private let store: MemoryStore
  private let reads = Mutex<[String: Int]>([:])
  private let afterPut: @Sendable (ObjectName) throws(StorageError) -> Void
  private let beforeGet: @Sendable (ObjectName) throws(StorageError) -> Void

  init(
    _ store: MemoryStore, afterPut: @escaping @Sendable (ObjectName) throws(StorageError) -> Void = { _ in },
    beforeGet: @escaping @Sendable (ObjectName) throws(StorageError) -> Void = { _ in }
  ) {
    self.store = store
    self.afterPut = afterPut
    self.beforeGet = beforeGet
  }

  var location: String { store.location }
  var counts: [String: Int] { reads.withLock { $0 } }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    reads.withLock { $0[name.path + (range.map { " \($0)" } ?? ""), default: 0] += 1 }
    try beforeGet(name)
    return try store.get(name, range: range, cancellation: cancellation)
  }

  func makePlace(cancellation: Cancellation?) throws(StorageError) { try store.makePlace(cancellation: cancellation) }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try store.put(name, content, cancellation: cancellation)
    try afterPut(name)
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try store.status(of: name, cancellation: cancellation)
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try store.list(folder, after: last, cancellation: cancellation, take)
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try store.unfinishedPuts(cancellation: cancellation)
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try store.remove(put, cancellation: cancellation)
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try store.delete(name, cancellation: cancellation)
  }
}
