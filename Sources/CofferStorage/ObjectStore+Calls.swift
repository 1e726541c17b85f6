import CofferSystem

extension ObjectStore {
  /// Returns the whole object, unless it is larger than such an object can be.
  ///
  /// - Throws: `StorageError.missing`; `.tooLarge`, before anything is read.
  public func get(
    _ name: ObjectName, limit: Int, cancellation: Cancellation? = nil
  ) throws(StorageError) -> [UInt8] {
    let size = try status(of: name, cancellation: cancellation).size
    guard size <= limit else { throw .tooLarge(name, location: location, size: size) }
    return try get(name, range: 0..<size, cancellation: cancellation)
  }

  /// Returns the objects of a folder, all at once: for folders that hold few.
  public func list(_ folder: String, cancellation: Cancellation? = nil) throws(StorageError) -> [ObjectStatus] {
    var found: [ObjectStatus] = []
    try list(folder, after: nil, cancellation: cancellation) { found += $0 }
    return found
  }

  /// Stores a new object durably.
  public func put(
    _ name: ObjectName, _ content: [UInt8], cancellation: Cancellation? = nil
  ) throws(StorageError) {
    let outcome = content.withUnsafeBytes { bytes -> Result<Void, StorageError> in
      do throws(StorageError) {
        return .success(try put(name, bytes, cancellation: cancellation))
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  // MARK: - Without a cancellation

  public func makePlace() throws(StorageError) { try makePlace(cancellation: nil) }

  public func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) {
    try put(name, content, cancellation: nil)
  }

  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try get(name, range: range, cancellation: nil)
  }

  public func status(of name: ObjectName) throws(StorageError) -> ObjectStatus {
    try status(of: name, cancellation: nil)
  }

  public func firstForeignEntry(
    besides isExpected: (String) -> Bool = { _ in false }
  ) throws(StorageError) -> String? {
    try firstForeignEntry(besides: isExpected, cancellation: nil)
  }

  public func unfinishedPuts() throws(StorageError) -> [UnfinishedPut] { try unfinishedPuts(cancellation: nil) }

  public func remove(_ put: UnfinishedPut) throws(StorageError) { try remove(put, cancellation: nil) }

  public func delete(_ name: ObjectName) throws(StorageError) { try delete(name, cancellation: nil) }
}
