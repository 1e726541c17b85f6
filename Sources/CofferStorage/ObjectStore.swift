import Foundation

/// A flat set of immutable objects.
///
/// Every object is written once under its final name and never changed. Implementations make `put` atomic and
/// durable: when it returns, the whole object survives a power cut; when it throws, no object with that name
/// appeared because of it.
public protocol ObjectStore: Sendable {
  /// Where the objects are, spelled as the user configured it.
  var location: String { get }

  /// Stores a new object durably.
  ///
  /// - Throws: `StorageError.exists` when the name is taken; nothing is overwritten, ever.
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

  /// Returns the name of something at the place that is no object of a store, or of one object, if there is any;
  /// nil for a place that is empty or does not exist yet.
  func firstForeignEntry() throws(StorageError) -> String?

  /// Removes an object durably. Removing an object that is not there is no error.
  func delete(_ name: ObjectName) throws(StorageError)
}

extension ObjectStore {
  /// Returns the whole object.
  public func get(_ name: ObjectName) throws(StorageError) -> [UInt8] {
    try get(name, range: nil)
  }

  /// Stores a new object durably.
  public func put(_ name: ObjectName, _ content: [UInt8]) throws(StorageError) {
    let outcome = content.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) { return .success(try put(name, bytes)) } catch { return .failure(error) }
    }
    try outcome.get()
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
