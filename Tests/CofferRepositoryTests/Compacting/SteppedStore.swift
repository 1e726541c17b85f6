import CofferStorage
import CofferSystem
import Synchronization

/// A store that tells of every call before and after it; what is thrown then is what the caller gets.
final class SteppedStore: ObjectStore {
  enum Call: Equatable, Sendable {
    case put(ObjectName), get(ObjectName), status(ObjectName), list(String), delete(ObjectName), other

    var changes: Bool {
      switch self {
      case .put, .delete: true
      default: false
      }
    }
  }

  private let store: any ObjectStore
  private let before: @Sendable (Call) throws(StorageError) -> Void
  private let after: @Sendable (Call) throws(StorageError) -> Void

  init(
    _ store: any ObjectStore, before: @escaping @Sendable (Call) throws(StorageError) -> Void = { _ in },
    after: @escaping @Sendable (Call) throws(StorageError) -> Void = { _ in }
  ) {
    self.store = store
    self.before = before
    self.after = after
  }

  /// Does something once, before the call of a number that changes something.
  static func once(
    _ store: any ObjectStore, beforeChange number: Int, _ body: @escaping @Sendable () -> Void
  ) -> SteppedStore {
    let changes = Mutex(0)
    return SteppedStore(
      store,
      before: { call throws(StorageError) in
        guard call.changes else { return }
        let current = changes.withLock { count in
          count += 1
          return count
        }
        if current == number { body() }
      })
  }

  /// A process that is gone before the call of a number that changes something, and is never heard of again.
  static func stopping(_ store: any ObjectStore, beforeChange number: Int) -> SteppedStore {
    let changes = Mutex(0)
    return SteppedStore(
      store,
      before: { call throws(StorageError) in
        let count = changes.withLock { count in
          if call.changes { count += 1 }
          return count
        }
        if count > number { throw gone }
      })
  }

  static let gone = StorageError.failed(
    nil, location: "memory", StorageFailure(.transient, "call", reason: "the process is gone"))

  var location: String { store.location }

  private func step<Result>(_ call: Call, _ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
    try before(call)
    let result = try body()
    try after(call)
    return result
  }

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try step(.other) { () throws(StorageError) in try store.makePlace(cancellation: cancellation) }
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try step(.put(name)) { () throws(StorageError) in try store.put(name, content, cancellation: cancellation) }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try step(.get(name)) { () throws(StorageError) in
      try store.get(name, range: range, cancellation: cancellation)
    }
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try step(.status(name)) { () throws(StorageError) in try store.status(of: name, cancellation: cancellation) }
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try step(.list(folder)) { () throws(StorageError) in
      try store.list(folder, after: last, cancellation: cancellation, take)
    }
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try step(.other) { () throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
    }
  }

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try step(.other) { () throws(StorageError) in
      try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
    }
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try step(.other) { () throws(StorageError) in try store.unfinishedPuts(cancellation: cancellation) }
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try step(.other) { () throws(StorageError) in try store.remove(put, cancellation: cancellation) }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try step(.delete(name)) { () throws(StorageError) in try store.delete(name, cancellation: cancellation) }
  }
}
