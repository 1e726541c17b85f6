import CofferStorage
import CofferSystem
import Synchronization
import TestSupport

/// Remembers what was read of a store: names, and with a space ranges of them. Everything else it passes on, and tells when an
/// object has been put, or is to be read: what is thrown then is an answer that is lost.
final class RecordingStore: ForwardingStore {
  let store: any ObjectStore
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

  var counts: [String: Int] { reads.withLock { $0 } }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    reads.withLock { $0[name.path + (range.map { " \($0)" } ?? ""), default: 0] += 1 }
    try beforeGet(name)
    return try store.get(name, range: range, cancellation: cancellation)
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try store.put(name, content, cancellation: cancellation)
    try afterPut(name)
  }
}
