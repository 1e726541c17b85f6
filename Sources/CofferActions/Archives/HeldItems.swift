import CofferRepository
import CofferSystem

/// Counts what of an archive's list is held in memory at once. A stolen write-only key may sign a list that repeats itself, of
/// more bytes than any memory has.
struct HeldItems {
  /// Bytes at most, as they are counted here.
  static let limit = 4 << 30

  private var size = 0
  private let limit: Int
  private let refusal: RepositoryError

  /// - Parameter refusal: What is thrown beyond the limit.
  init(refusing refusal: RepositoryError, beyond limit: Int = Self.limit) {
    self.refusal = refusal
    self.limit = limit
  }

  mutating func add(_ count: Int) throws(RepositoryError) {
    size += count
    guard size <= limit else { throw refusal }
  }

  mutating func remove(_ count: Int) { size -= count }
}

extension ArchiveItem {
  /// About as many bytes as the item takes where items are packed.
  var heldSize: Int {
    var size = Self.fixedSize + path.bytes.count + user.utf8.count + group.utf8.count + (dump?.count ?? 0)
    if case .symbolicLink(let target) = content { size += target.bytes.count }
    for attribute in extras.attributes { size += attribute.name.count + attribute.value.count }
    return size + (extras.extents?.stretches.count ?? 0) * MemoryLayout<FileExtents.Stretch>.size
  }

  /// Of what every item has.
  private static let fixedSize = 40
}
