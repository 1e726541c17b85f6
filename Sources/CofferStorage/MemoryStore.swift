import CofferSystem
import FoundationEssentials
import Synchronization

/// A store in memory, for tests and tools: it can be told to fail and lets its objects be tampered with.
public final class MemoryStore: ObjectStore {
  private struct Content {
    var objects: [ObjectName: (bytes: [UInt8], received: Date)] = [:]
    var putsUntilFailure: Int?
    var puts: [ObjectName] = []
  }

  public let location = "memory"
  private let content = Mutex(Content())
  private let now: @Sendable () -> Date

  public let abilities = StoreAbilities(
    kind: "memory", refusesTakenNames: true, readsParts: true, keepsOwnTimes: true)

  public init(now: @escaping @Sendable () -> Date = { Date() }) {
    self.now = now
  }

  /// Lets `count` more puts succeed; those after fail as on a full disk. nil ends the failing.
  public func failPuts(after count: Int?) {
    content.withLock { $0.putsUntilFailure = count }
  }

  /// The names of all puts that succeeded, in order.
  public var history: [ObjectName] { content.withLock { $0.puts } }

  /// Replaces the bytes of an object, which no store would do of itself.
  public func tamper(_ name: ObjectName, _ change: (inout [UInt8]) -> Void) {
    content.withLock { content in
      guard var object = content.objects[name] else { return }
      change(&object.bytes)
      content.objects[name] = object
    }
  }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) { try check(cancellation) }

  public func put(
    _ name: ObjectName, _ bytes: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try check(cancellation)
    guard !bytes.isEmpty else { throw .failed(name, location: location, .emptyObject) }
    let copy = Array(bytes)
    let failure = content.withLock { content -> StorageError? in
      if content.objects[name] != nil { return .exists(name, location: location) }
      if let left = content.putsUntilFailure {
        guard left > 0 else { return .full(name, location: location) }
        content.putsUntilFailure = left - 1
      }
      content.objects[name] = (copy, now())
      content.puts.append(name)
      return nil
    }
    if let failure { throw failure }
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try check(cancellation)
    guard let bytes = content.withLock({ $0.objects[name]?.bytes }) else {
      throw .missing(name, location: location)
    }
    guard let range else { return bytes }
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw .truncated(name, location: location)
    }
    return Array(bytes[range])
  }

  /// Returns the whole object, whatever its size.
  public func get(_ name: ObjectName) throws(StorageError) -> [UInt8] { try get(name, range: nil, cancellation: nil) }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try check(cancellation)
    guard let object = content.withLock({ $0.objects[name] }) else {
      throw .missing(name, location: location)
    }
    return ObjectStatus(name: name, size: object.bytes.count, received: object.received)
  }

  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    let found = content.withLock { content in
      content.objects.filter { name, _ in
        (folder.isEmpty || name.path.begins(with: folder + "/")) && last.map { $0 < name } != false
      }.map { ObjectStatus(name: $0.key, size: $0.value.bytes.count, received: $0.value.received) }
    }
    var pages = ListPages()
    for status in found.sorted(by: { $0.name < $1.name }) {
      try check(cancellation)
      pages.add(status, take)
    }
    pages.finish(take)
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try check(cancellation)
    content.withLock { $0.objects[name] = nil }
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try check(cancellation)
    return content.withLock { $0.objects.keys.filter { !isExpected($0.path) }.min()?.path }
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try check(cancellation)
    return []
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] { [] }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {}

  private func check(_ cancellation: Cancellation?) throws(StorageError) {
    if cancellation?.isCancelled == true { throw .cancelled(location: location) }
  }
}
