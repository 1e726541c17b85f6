import CofferStorage
import Synchronization

/// Remembers what was read of a store: names, and with a space ranges of them.
final class CountingStore: ObjectStore {
  private let store: MemoryStore
  private let reads = Mutex<[String: Int]>([:])

  init(_ store: MemoryStore) {
    self.store = store
  }

  var location: String { store.location }
  var counts: [String: Int] { reads.withLock { $0 } }

  func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) { try store.put(name, content) }
  func status(of name: ObjectName) throws(StorageError) -> ObjectStatus { try store.status(of: name) }
  func list(_ folder: String) throws(StorageError) -> [ObjectStatus] { try store.list(folder) }
  func firstForeignEntry(besides isExpected: (String) -> Bool) throws(StorageError) -> String? {
    try store.firstForeignEntry(besides: isExpected)
  }
  func delete(_ name: ObjectName) throws(StorageError) { try store.delete(name) }

  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    reads.withLock { $0[name.path + (range.map { " \($0)" } ?? ""), default: 0] += 1 }
    return try store.get(name, range: range)
  }
}
