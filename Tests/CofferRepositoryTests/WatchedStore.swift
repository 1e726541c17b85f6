import CofferStorage
import CofferSystem
import Synchronization

/// Remembers everything that is asked of a store, in order, and lets a test hold calls until others have come.
final class WatchedStore: ObjectStore {
  typealias Request = CountingStore.Request

  struct Call: Equatable, CustomStringConvertible {
    let request: Request
    /// The object's, or the folder that is listed.
    let name: String
    /// Bytes that are put, or asked for.
    var size = 0
    /// How many calls of the kind were in it when this one began, itself too.
    var inFlight = 1

    var description: String { "\(request) \(name)" }
  }

  private let store: any ObjectStore
  private let began = Monitor<[Call]>([])
  private let running = Mutex<[Request: Int]>([:])
  private let hold: @Sendable (Call, WatchedStore) -> Void

  /// - Parameter hold: Called when a call has begun, before it is passed on.
  init(_ store: any ObjectStore, hold: @escaping @Sendable (Call, WatchedStore) -> Void = { _, _ in }) {
    self.store = store
    self.hold = hold
  }

  var location: String { store.location }
  var calls: [Call] { began.update { $0 } }

  func forget() { began.update { $0 = [] } }

  /// Waits until what has begun is enough: only what a test is wrong about keeps it waiting.
  func wait(until isEnough: ([Call]) -> Bool) { began.wait(until: isEnough) { _ in } }

  private func watching<Result>(
    _ request: Request, _ name: String, _ size: Int = 0, _ call: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    let inFlight = running.withLock { running in
      running[request, default: 0] += 1
      return running[request] ?? 1
    }
    defer { running.withLock { $0[request, default: 1] -= 1 } }
    let begun = Call(request: request, name: name, size: size, inFlight: inFlight)
    began.update { $0.append(begun) }
    hold(begun, self)
    return try call()
  }

  func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try watching(.makePlace, "") { () throws(StorageError) in try store.makePlace(cancellation: cancellation) }
  }

  func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try watching(.put, name.path, content.count) { () throws(StorageError) in
      try store.put(name, content, cancellation: cancellation)
    }
  }

  func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try watching(.get, name.path, range.map(\.count) ?? 0) { () throws(StorageError) in
      try store.get(name, range: range, cancellation: cancellation)
    }
  }

  func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try watching(.status, name.path) { () throws(StorageError) in
      try store.status(of: name, cancellation: cancellation)
    }
  }

  func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try watching(.list, folder) { () throws(StorageError) in
      try store.list(folder, after: last, cancellation: cancellation, take)
    }
  }

  func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try watching(.foreignEntry, "") { () throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
    }
  }

  func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try watching(.unlistedEntries, folder) { () throws(StorageError) in
      try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
    }
  }

  func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try watching(.unfinishedPuts, "") { () throws(StorageError) in
      try store.unfinishedPuts(cancellation: cancellation)
    }
  }

  func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try watching(.remove, put.path) { () throws(StorageError) in try store.remove(put, cancellation: cancellation) }
  }

  func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try watching(.delete, name.path) { () throws(StorageError) in
      try store.delete(name, cancellation: cancellation)
    }
  }
}
