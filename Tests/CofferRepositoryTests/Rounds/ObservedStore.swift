import CofferStorage
import CofferSystem
import Synchronization
import TestSupport

/// Remembers the calls that were made of a store, in order, and lets a test do something before them, or leave objects out of
/// its lists.
final class ObservedStore: ForwardingStore {
  let store: any ObjectStore
  private let events = Mutex<[String]>([])
  private let before: @Sendable (String) -> Void
  private let shows: @Sendable (ObjectName) -> Bool
  private let deletes: Bool

  /// - Parameters:
  ///   - before: Is told of each call before it is made: `put`, `get`, `list` or `delete`, a blank, and the name.
  ///   - shows: Whether lists show an object.
  ///   - deletes: Whether it lets anything be deleted.
  init(
    _ store: MemoryStore, before: @escaping @Sendable (String) -> Void = { _ in },
    shows: @escaping @Sendable (ObjectName) -> Bool = { _ in true }, deletes: Bool = true
  ) {
    self.store = store
    self.deletes = deletes
    self.before = before
    self.shows = shows
  }

  var calls: [String] { events.withLock { $0 } }

  private func note(_ call: String) {
    events.withLock { $0.append(call) }
    before(call)
  }

  func get(_ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?) throws(StorageError) -> [UInt8] {
    note("get \(name)")
    return try store.get(name, range: range, cancellation: cancellation)
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    note("put \(name)")
    try store.put(name, content, cancellation: cancellation)
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    note("list \(folder)")
    try store.list(folder, after: last, cancellation: cancellation) { page in take(page.filter { shows($0.name) }) }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    note("delete \(name)")
    guard deletes else {
      throw .failed(name, location: location, StorageFailure(.denied, "delete", reason: "Operation not permitted"))
    }
    try store.delete(name, cancellation: cancellation)
  }
}
