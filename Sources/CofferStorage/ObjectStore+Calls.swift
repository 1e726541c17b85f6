import CofferSystem

extension ObjectStore {
  /// Returns the whole object, unless it is larger than such an object can be.
  ///
  /// - Throws: `StorageError.missing`; `.tooLarge`, before anything is read.
  public func get(
    _ name: ObjectName, limit: Int, cancellation: Cancellation?
  ) throws(StorageError) -> [UInt8] {
    let size = try status(of: name, cancellation: cancellation).size
    guard size <= limit else { throw .tooLarge(name, location: location, size: size) }
    return try get(name, range: 0..<size, cancellation: cancellation)
  }

  /// Returns the objects of a folder, all at once: for folders that hold few.
  public func list(_ folder: String, cancellation: Cancellation?) throws(StorageError) -> [ObjectStatus] {
    var found: [ObjectStatus] = []
    try list(folder, after: nil, cancellation: cancellation) { found += $0 }
    return found
  }

  /// Stores a new object durably.
  public func put(
    _ name: ObjectName, _ content: [UInt8], cancellation: Cancellation?
  ) throws(StorageError) {
    try content.withStoredBytes { (bytes) throws(StorageError) in
      try put(name, bytes, cancellation: cancellation)
    }
  }
}

extension [UInt8] {
  /// As `withUnsafeBytes`, which loses the type of the error.
  func withStoredBytes<Value>(
    _ body: (UnsafeRawBufferPointer) throws(StorageError) -> Value
  ) throws(StorageError) -> Value {
    let outcome = withUnsafeBytes { bytes -> Result<Value, StorageError> in
      do throws(StorageError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try outcome.get()
  }
}
