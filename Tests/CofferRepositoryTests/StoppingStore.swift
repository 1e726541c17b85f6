import CofferStorage
import CofferSystem
import Synchronization

/// A store for a program that is killed: after so many calls nothing reaches it any more.
final class StoppingStore: ObjectStore {
  private let store: MemoryStore
  private let calls: Mutex<Int>
  private let limit: Int
  /// Whether what the last call was to do is done: the program is killed before it has the answer.
  private let doesLast: Bool
  /// What the failures are called.
  private let kind: StorageFailure.Kind

  init(_ store: MemoryStore, after limit: Int, doesLast: Bool, kind: StorageFailure.Kind = .transient) {
    self.store = store
    self.limit = limit
    self.doesLast = doesLast
    self.kind = kind
    calls = Mutex(0)
  }

  var location: String { store.location }
  /// Whether the program came to its end.
  var hasStopped: Bool { calls.withLock { $0 > limit } }

  private func call<Value>(_ body: () throws(StorageError) -> Value) throws(StorageError) -> Value {
    let number = calls.withLock { count in
      count += 1
      return count
    }
    let killed = StorageError.failed(nil, location: location, StorageFailure(kind, "call", reason: "killed"))
    guard number <= limit else {
      if number == limit + 1, doesLast { _ = try body() }
      throw killed
    }
    return try body()
  }

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try call { () throws(StorageError) in try store.makePlace(cancellation: cancellation) }
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try call { () throws(StorageError) in try store.put(name, content, cancellation: cancellation) }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try call { () throws(StorageError) in try store.get(name, range: range, cancellation: cancellation) }
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try call { () throws(StorageError) in try store.status(of: name, cancellation: cancellation) }
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try call { () throws(StorageError) in try store.list(folder, after: last, cancellation: cancellation, take) }
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try call { () throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
    }
  }

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try call { () throws(StorageError) in
      try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
    }
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try call { () throws(StorageError) in try store.unfinishedPuts(cancellation: cancellation) }
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try call { () throws(StorageError) in try store.remove(put, cancellation: cancellation) }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try call { () throws(StorageError) in try store.delete(name, cancellation: cancellation) }
  }
}
