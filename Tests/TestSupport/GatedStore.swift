import CofferStorage
import CofferSystem

/// A store around another one, each of whose calls a test may hold up or let fail before it is made.
public final class GatedStore: ObjectStore {
  public typealias Gate = @Sendable (CountingStore.Request, ObjectName?, Cancellation?) throws(StorageError) -> Void

  private let store: any ObjectStore
  private let gate: Gate
  public let abilities: StoreAbilities

  /// - Parameters:
  ///   - abilities: Those of the store, if not given.
  ///   - gate: Asked before each call; told the object that it is about, if it is about one.
  public init(
    _ store: any ObjectStore, abilities: StoreAbilities? = nil,
    gate: @escaping Gate = { (_, _, _) throws(StorageError) in }
  ) {
    self.store = store
    self.abilities = abilities ?? store.abilities
    self.gate = gate
  }

  public var location: String { store.location }

  public func learnAbilities(cancellation: Cancellation?) throws(StorageError) -> StoreAbilities { abilities }

  public func makePlace(cancellation: Cancellation?) throws(StorageError) {
    try gate(.makePlace, nil, cancellation)
    try store.makePlace(cancellation: cancellation)
  }

  public func put(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    try gate(.put, name, cancellation)
    try store.put(name, content, cancellation: cancellation)
  }

  public func get(
    _ name: ObjectName, range: Range<Int>?, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    try gate(.get, name, cancellation)
    return try store.get(name, range: range, cancellation: cancellation)
  }

  public func status(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> ObjectStatus {
    try gate(.status, name, cancellation)
    return try store.status(of: name, cancellation: cancellation)
  }

  public func list(
    _ folder: String, after last: ObjectName?, cancellation: Cancellation?, _ take: ([ObjectStatus]) -> Void
  ) throws(StorageError) {
    try gate(.list, nil, cancellation)
    try store.list(folder, after: last, cancellation: cancellation, take)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool, cancellation: Cancellation?
  ) throws(StorageError) -> String? {
    try gate(.foreignEntry, nil, cancellation)
    return try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
  }

  public func unlistedEntries(
    in folder: String, depth: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [String] {
    try gate(.unlistedEntries, nil, cancellation)
    return try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
  }

  public func unfinishedPuts(cancellation: Cancellation?) throws(StorageError) -> [UnfinishedPut] {
    try gate(.unfinishedPuts, nil, cancellation)
    return try store.unfinishedPuts(cancellation: cancellation)
  }

  public func remove(_ put: UnfinishedPut, cancellation: Cancellation?) throws(StorageError) {
    try gate(.remove, nil, cancellation)
    try store.remove(put, cancellation: cancellation)
  }

  public func delete(_ name: ObjectName, cancellation: Cancellation?) throws(StorageError) {
    try gate(.delete, name, cancellation)
    try store.delete(name, cancellation: cancellation)
  }
}
