import CofferSystem
import Synchronization

/// Counts what is asked of a store, and the bytes that go there and come back.
public final class CountingStore: ObjectStore {
  /// A kind of call.
  public enum Request: String, Sendable, CaseIterable {
    case makePlace, put, get, status, stands, list, foreignEntry, unlistedEntries, unfinishedPuts, remove, delete
    case renewLock
  }

  /// What was asked so far.
  public struct Use: Sendable, Equatable {
    /// Calls, failed ones too.
    public var requests: [Request: Int] = [:]
    /// Bytes of all objects that were put.
    public var sent = 0
    /// Bytes of all objects and parts of objects that were read.
    public var received = 0

    public init() {}

    public static func + (left: Use, right: Use) -> Use {
      var sum = left
      sum.requests.merge(right.requests) { $0 + $1 }
      sum.sent += right.sent
      sum.received += right.received
      return sum
    }
  }

  private let store: any ObjectStore
  private let counted = Mutex(Use())

  public init(_ store: any ObjectStore) {
    self.store = store
  }

  public var use: Use { counted.withLock { $0 } }

  public var location: String { store.location }

  public var abilities: StoreAbilities { store.abilities }

  public func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities {
    try store.learnAbilities(cancellation: cancellation)
  }

  public func expectTransfer(of bytes: UInt64) { store.expectTransfer(of: bytes) }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    count(.makePlace)
    try store.makePlace(cancellation: cancellation)
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    count(.put)
    try store.put(name, content, cancellation: cancellation)
    counted.withLock { $0.sent += content.count }
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    count(.get)
    let bytes = try store.get(name, range: range, cancellation: cancellation)
    counted.withLock { $0.received += bytes.count }
    return bytes
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    count(.status)
    return try store.status(of: name, cancellation: cancellation)
  }

  public func stands(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, beginning: Int, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    count(.stands)
    return try store.stands(name, content, beginning: beginning, cancellation: cancellation)
  }

  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    count(.list)
    try store.list(folder, after: last, cancellation: cancellation, take)
  }

  public func inOrder(_ calls: OrderedCalls, cancellation: Cancellation?) throws(StorageError) -> [[ObjectStatus]]? {
    let found = try store.inOrder(calls, cancellation: cancellation)
    guard found != nil else { return nil }
    for _ in calls.stages.joined() { count(.list) }
    if let put = calls.put {
      count(.put)
      counted.withLock { $0.sent += put.content.count }
    }
    return found
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    count(.foreignEntry)
    return try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    count(.unlistedEntries)
    return try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    count(.unfinishedPuts)
    return try store.unfinishedPuts(cancellation: cancellation)
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    count(.remove)
    try store.remove(put, cancellation: cancellation)
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    count(.delete)
    try store.delete(name, cancellation: cancellation)
  }

  public var lockTime: Double? { store.lockTime }

  public func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool {
    count(.renewLock)
    return try store.renewLock(of: name, cancellation: cancellation)
  }

  private func count(_ request: Request) {
    counted.withLock { $0.requests[request, default: 0] += 1 }
  }
}
