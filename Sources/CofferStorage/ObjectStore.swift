import Foundation

/// A flat set of immutable objects.
///
/// Every object is written once under its final name and never changed. Implementations make `put` atomic and
/// durable: when it returns, the whole object survives a power cut; when it throws, no object with that name
/// appeared because of it.
public protocol ObjectStore: Sendable {
  /// Where the objects are, spelled as the user configured it.
  var location: String { get }

  /// Makes the place itself, if it is not there; nothing else does, so that what is written never ends up in a place that
  /// only looks like the right one.
  func makePlace() throws(StorageError)

  /// Stores a new object durably.
  ///
  /// - Throws: `StorageError.missing` when there is no place for it; `StorageError.exists` when the name is taken; nothing is overwritten, ever.
  func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError)

  /// Returns the whole object, or the given byte range of it.
  ///
  /// - Throws: `StorageError.missing`; `StorageError.truncated` when the range reaches past the object's end.
  func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8]

  /// Returns an object's size and time.
  ///
  /// - Throws: `StorageError.missing`.
  func status(of name: ObjectName) throws(StorageError) -> ObjectStatus

  /// Returns the objects whose names begin with `folder` and a slash, at any depth, in no particular order.
  /// An empty `folder` means all objects. Temporary files of unfinished puts are not listed.
  func list(_ folder: String) throws(StorageError) -> [ObjectStatus]

  /// Returns the name of something at the place, an object or not, if there is any; nil for a place that is empty or does
  /// not exist yet. Temporary files of the store's own do not count.
  ///
  /// - Parameter isExpected: Tells names that do not count either, of folders too.
  func firstForeignEntry(besides isExpected: (String) -> Bool) throws(StorageError) -> String?

  /// Returns what puts that did not come to their end have left, or are at, in no particular order.
  func unfinishedPuts() throws(StorageError) -> [UnfinishedPut]

  /// Removes what is left of a put.
  func remove(_ put: UnfinishedPut) throws(StorageError)

  /// Removes an object durably. Removing an object that is not there is no error.
  func delete(_ name: ObjectName) throws(StorageError)
}

extension ObjectStore {
  /// Returns the whole object, unless it is larger than such an object can be.
  ///
  /// - Throws: `StorageError.missing`; `.tooLarge`, before anything is read.
  public func get(_ name: ObjectName, limit: Int) throws(StorageError) -> [UInt8] {
    let size = try status(of: name).size
    guard size <= limit else { throw .tooLarge(name, location: location, size: size) }
    return try get(name, range: 0..<size)
  }

  public func firstForeignEntry() throws(StorageError) -> String? {
    try firstForeignEntry(besides: { _ in false })
  }

  public func makePlace() throws(StorageError) {}

  public func unfinishedPuts() throws(StorageError) -> [UnfinishedPut] { [] }

  public func remove(_ put: UnfinishedPut) throws(StorageError) {}

  /// Stores a new object durably.
  public func put(_ name: ObjectName, _ content: [UInt8]) throws(StorageError) {
    let outcome = content.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) { return .success(try put(name, bytes)) } catch { return .failure(error) }
    }
    try outcome.get()
  }
}

/// What a put leaves until its object is whole.
public struct UnfinishedPut: Sendable, Equatable {
  /// Where it is, from the store's root on.
  public let path: String
  /// Bytes stored so far.
  public let size: Int
  /// Whether whoever began the put has certainly ended.
  public let isAbandoned: Bool

  public init(path: String, size: Int, isAbandoned: Bool) {
    self.path = path
    self.size = size
    self.isAbandoned = isAbandoned
  }
}

/// What a store knows of an object without reading it.
public struct ObjectStatus: Sendable, Equatable {
  public let name: ObjectName
  /// Bytes stored.
  public let size: Int
  /// When the store received the object, by the store's own clock.
  public let received: Date

  public init(name: ObjectName, size: Int, received: Date) {
    self.name = name
    self.size = size
    self.received = received
  }
}
