import CofferSystem

/// Bytes that are compared at a time.
private let pieceSize = 1 << 20

extension ObjectStore {
  /// Stores a new object durably, or finds that it is stored: a name that is taken by the same bytes is this put's own,
  /// whose answer was lost, or somebody else's of the same; nothing is left to do.
  ///
  /// - Throws: As `put`, but `StorageError.occupied` when the name is taken by other bytes.
  public func settle(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) {
    do throws(StorageError) {
      try put(name, content, cancellation: cancellation)
    } catch {
      guard case .exists = error else { throw error }
      guard try holds(name, content, cancellation: cancellation) else { throw .occupied(name, location: location) }
    }
  }

  /// Whether the first bytes of an object are those of what was put.
  func begins(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, _ beginning: Int, _ cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    try get(name, range: 0..<beginning, cancellation: cancellation).elementsEqual(content.prefix(beginning))
  }

  /// Whether an object consists of these bytes: first its size is compared, then what is in it, piece by piece.
  ///
  /// - Throws: `StorageError.missing`.
  public func holds(
    _ name: ObjectName, _ content: UnsafeRawBufferPointer, cancellation: Cancellation?
  ) throws(StorageError) -> Bool {
    guard try status(of: name, cancellation: cancellation).size == content.count else { return false }
    for start in stride(from: 0, to: content.count, by: pieceSize) {
      let range = start..<min(start + pieceSize, content.count)
      let there: [UInt8]
      do throws(StorageError) {
        there = try get(name, range: range, cancellation: cancellation)
      } catch {
        if case .truncated = error { return false }
        throw error
      }
      guard there.elementsEqual(UnsafeRawBufferPointer(rebasing: content[range])) else { return false }
    }
    return true
  }
}
