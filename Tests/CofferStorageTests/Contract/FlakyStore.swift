import CofferStorage
import CofferSystem
import Synchronization

/// Fails transiently as it is told to: before the call is done, or after it, when only the answer is lost. A list then breaks off
/// behind its first page.
final class FlakyStore: ObjectStore {
  enum Fault: Sendable {
    case before, after
  }

  private let store: any ObjectStore
  private let fault: @Sendable (_ call: Int) -> Fault?
  private let calls = Mutex(0)

  /// - Parameter fault: Told the number of the call, from 0 on. By itself every third call fails, in turn before and after it
  ///   is done.
  init(
    _ store: any ObjectStore,
    fault: @escaping @Sendable (_ call: Int) -> Fault? = { $0 % 3 == 2 ? ($0 % 2 == 0 ? .before : .after) : nil }
  ) {
    self.store = store
    self.fault = fault
  }

  static let failure = StorageFailure(.transient, "request", reason: "the connection was cut")

  var location: String { store.location }
  var abilities: StoreAbilities { store.abilities }
  var callCount: Int { calls.withLock { $0 } }

  private func nextFault() -> Fault? {
    fault(
      calls.withLock { calls in
        defer { calls += 1 }
        return calls
      })
  }

  private func call<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
    let fault = nextFault()
    if fault == .before { throw .failed(nil, location: location, Self.failure) }
    let result = try body()
    if fault == .after { throw .failed(nil, location: location, Self.failure) }
    return result
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
    let fault = nextFault()
    if fault == .before { throw .failed(nil, location: location, Self.failure) }
    var pages = 0
    try store.list(folder, after: last, cancellation: cancellation) { page in
      pages += 1
      if fault == nil || pages == 1 { take(page) }
    }
    if fault == .after { throw .failed(nil, location: location, Self.failure) }
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
