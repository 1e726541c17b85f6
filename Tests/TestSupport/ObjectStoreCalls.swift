import CofferStorage

/// Calls that go to their end, as tests make most of them.
extension ObjectStore {
  public func makePlace() throws(StorageError) { try makePlace(cancellation: nil) }

  public func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) {
    try put(name, content, cancellation: nil)
  }

  public func put(_ name: ObjectName, _ content: [UInt8]) throws(StorageError) {
    try put(name, content, cancellation: nil)
  }

  public func settle(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) {
    try settle(name, content, cancellation: nil)
  }

  public func holds(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) -> Bool {
    try holds(name, content, cancellation: nil)
  }

  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    try get(name, range: range, cancellation: nil)
  }

  public func get(_ name: ObjectName, limit: Int) throws(StorageError) -> [UInt8] {
    try get(name, limit: limit, cancellation: nil)
  }

  public func status(of name: ObjectName) throws(StorageError) -> ObjectStatus {
    try status(of: name, cancellation: nil)
  }

  public func list(_ folder: String) throws(StorageError) -> [ObjectStatus] {
    try list(folder, cancellation: nil)
  }

  public func unlistedEntries(in folder: String, depth: Int) throws(StorageError) -> [String] {
    try unlistedEntries(in: folder, depth: depth, cancellation: nil)
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
