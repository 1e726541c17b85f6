import CofferSystem

/// Items of archives without their paths, by number, held as lists of items have them: in a third of the memory that they take
/// as values.
public struct PackedItems: Sendable {
  private var encoded = PackedBytes()

  public init() {}

  public var count: Int { encoded.count }

  public mutating func append(_ item: ArchiveItem) {
    encoded.append(item.encodedWithoutPath)
  }

  /// - Parameter path: What the item has for a path.
  public func item(_ number: Int, at path: ItemPath = ItemPath(bytes: [])) -> ArchiveItem {
    encoded[number].withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      guard var item = try? ArchiveItem(from: &reader) else { preconditionFailure("an item that was packed is one") }
      item.path = path
      return item
    }
  }
}

extension ArchiveItem {
  fileprivate var encodedWithoutPath: [UInt8] {
    var item = self
    item.path = ItemPath(bytes: [])
    var writer = ByteWriter()
    item.encode(into: &writer)
    return writer.bytes
  }

  /// A number that items have in common which differ in their paths only, in this process: a hash. Others share one no more often
  /// than a processor errs.
  public var likeness: Int { encodedWithoutPath.hashValue }
}
