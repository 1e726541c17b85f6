import CofferStorage
import CofferSystem

/// The store as one run uses it: calls stop when the run is to stop, as `RunCancelled`, and a put that finds its own bytes
/// in place is done.
package struct RunStore: Sendable {
  private let store: any ObjectStore
  private let cancellation: Cancellation?

  init(_ store: any ObjectStore, _ cancellation: Cancellation?) {
    self.store = store
    self.cancellation = cancellation
  }

  var location: String { store.location }

  /// For what has to be done also after the run was asked to stop: tidying up, and what belongs to a commit that stands.
  var unstoppable: RunStore { RunStore(store, nil) }

  /// The same store for a part of the run that is stopped by itself.
  func stopping(with cancellation: Cancellation) -> RunStore { RunStore(store, cancellation) }

  /// The same store, counting what is asked of it.
  func counting() -> (store: RunStore, counter: CountingStore) {
    let counter = CountingStore(store)
    return (RunStore(counter, cancellation), counter)
  }

  /// Whether the place refuses names that are taken, tried where it was not known; nil where it cannot be.
  func refusesTakenNames() throws -> Bool? {
    try run { () throws(StorageError) in try store.learnAbilities(cancellation: cancellation) }.refusesTakenNames
  }

  /// Whether the place is known to refuse names that are taken; nothing is tried for it.
  var isKnownToRefuseTakenNames: Bool { store.abilities.refusesTakenNames == true }

  func expectTransfer(of bytes: UInt64) { store.expectTransfer(of: bytes) }

  func makePlace() throws { try run { () throws(StorageError) in try store.makePlace(cancellation: cancellation) } }

  /// Stores a new object. A name that is taken by the same bytes is a put whose answer was lost.
  ///
  /// - Throws: `StorageError.occupied` when other bytes are there.
  func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws {
    try run { () throws(StorageError) in try store.settle(name, content, cancellation: cancellation) }
  }

  package func put(_ name: ObjectName, _ content: [UInt8]) throws {
    try content.withUnsafeBytes { try put(name, $0) }
  }

  /// Stores a new object; a name that is taken is an error, whatever is there.
  ///
  /// - Throws: `StorageError.exists`.
  func putAlone(_ name: ObjectName, _ content: [UInt8]) throws {
    try run { () throws(StorageError) in try store.put(name, content, cancellation: cancellation) }
  }

  func get(_ name: ObjectName, range: Range<Int>) throws -> [UInt8] {
    try run { () throws(StorageError) in try store.get(name, range: range, cancellation: cancellation) }
  }

  func get(_ name: ObjectName, limit: Int) throws -> [UInt8] {
    try run { () throws(StorageError) in try store.get(name, limit: limit, cancellation: cancellation) }
  }

  /// Returns a whole object that was listed, in one request.
  ///
  /// - Throws: `StorageError.missing`; `.tooLarge`, before anything is read; `.truncated` when it is shorter than it was listed.
  func get(_ status: ObjectStatus, limit: Int) throws -> [UInt8] {
    guard status.size <= limit else { throw StorageError.tooLarge(status.name, location: location, size: status.size) }
    return try get(status.name, range: 0..<status.size)
  }

  /// Whether an object is still what was put there.
  ///
  /// - Parameter beginning: How many of the first bytes no other put has.
  func stands(_ name: ObjectName, _ content: [UInt8], beginning: Int) throws -> Bool {
    try content.withUnsafeBytes { content in
      try run { () throws(StorageError) in
        try store.stands(name, content, beginning: beginning, cancellation: cancellation)
      }
    }
  }

  func status(of name: ObjectName) throws -> ObjectStatus {
    try run { () throws(StorageError) in try store.status(of: name, cancellation: cancellation) }
  }

  /// All objects of a folder at once: for folders that hold few.
  func list(_ folder: String) throws -> [ObjectStatus] {
    try run { () throws(StorageError) in try store.list(folder, cancellation: cancellation) }
  }

  /// - Parameter last: Only objects behind this one.
  func forEachObject(in folder: String, after last: ObjectName? = nil, _ body: (ObjectStatus) -> Void) throws {
    try run { () throws(StorageError) in
      try store.list(folder, after: last, cancellation: cancellation) { $0.forEach(body) }
    }
  }

  /// - Returns: nil where the place keeps no order by itself.
  func inOrder(_ calls: OrderedCalls) throws -> [[ObjectStatus]]? {
    try run { () throws(StorageError) in try store.inOrder(calls, cancellation: cancellation) }
  }

  func firstForeignEntry(besides isExpected: (String) -> Bool) throws -> String? {
    try run { () throws(StorageError) in
      try store.firstForeignEntry(besides: isExpected, cancellation: cancellation)
    }
  }

  /// Waits, unless the run is to stop.
  ///
  /// - Throws: `RunCancelled`.
  func wait(_ seconds: Double) throws { try (cancellation ?? Cancellation()).sleep(seconds) }

  func unlistedEntries(in folder: String, depth: Int) throws -> [String] {
    try run { () throws(StorageError) in
      try store.unlistedEntries(in: folder, depth: depth, cancellation: cancellation)
    }
  }

  func unfinishedPuts() throws -> [UnfinishedPut] {
    try run { () throws(StorageError) in try store.unfinishedPuts(cancellation: cancellation) }
  }

  func remove(_ put: UnfinishedPut) throws {
    try run { () throws(StorageError) in try store.remove(put, cancellation: cancellation) }
  }

  var lockTime: Double? { store.lockTime }

  func renewLock(of name: ObjectName) throws -> Bool {
    try run { () throws(StorageError) in try store.renewLock(of: name, cancellation: cancellation) }
  }

  func delete(_ name: ObjectName) throws {
    try run { () throws(StorageError) in try store.delete(name, cancellation: cancellation) }
  }

  /// Runs what reads an object of which there may be another, or which the rest can do without.
  ///
  /// - Returns: nil when the object is damaged or gone.
  /// - Throws: What says nothing of the object: that the run is to stop, or that the store does not answer.
  static func readable<Value>(_ read: () throws -> Value) throws -> Value? {
    do {
      return try read()
    } catch let error where !Self.concernsObject(error) {
      throw error
    } catch {
      return nil
    }
  }

  /// Whether an error of reading an object says something of the object.
  static func concernsObject(_ error: any Error) -> Bool {
    !(error is RunCancelled) && (error as? StorageError)?.kind != .transient
  }

  private func run<Result>(_ call: () throws(StorageError) -> Result) throws -> Result {
    do throws(StorageError) {
      return try call()
    } catch {
      if error.kind == .cancelled { throw RunCancelled() }
      throw error
    }
  }
}
