import CofferStorage
import CofferSystem

/// A store that has an object, lists it, and cannot read it: a bad place on a disk.
final class UnreadStore: ObjectStore {
  private let store: MemoryStore
  private let object: ObjectName

  init(_ store: MemoryStore, _ object: ObjectName) {
    self.store = store
    self.object = object
  }

  var location: String { store.location }

  func makePlace(cancellation: Cancellation?) throws(StorageError) { try store.makePlace(cancellation: cancellation) }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try store.put(name, content, cancellation: cancellation)
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    guard name != object else {
      throw .failed(name, location: location, StorageFailure(.permanent, "read", reason: "Input/output error"))
    }
    return try store.get(name, range: range, cancellation: cancellation)
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

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
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
