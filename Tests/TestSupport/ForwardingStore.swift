import CofferStorage
import CofferSystem

/// A store that stands around another one in a test, and passes on every call that it does not take itself.
public protocol ForwardingStore: ObjectStore {
  var store: any ObjectStore { get }
}

extension ForwardingStore {
  public var location: String { store.location }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try store.makePlace(cancellation: cancellation)
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try store.put(name, content, cancellation: cancellation)
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try store.get(name, range: range, cancellation: cancellation)
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try store.status(of: name, cancellation: cancellation)
  }

  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try store.list(folder, after: last, cancellation: cancellation, take)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try store.unfinishedPuts(cancellation: cancellation)
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try store.remove(put, cancellation: cancellation)
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try store.delete(name, cancellation: cancellation)
  }
}
