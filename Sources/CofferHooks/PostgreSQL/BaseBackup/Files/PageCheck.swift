import CPageChecksum
import CofferSystem

/// Looks at the checksums of a server's pages on their way into a base backup, as the server does for one that it sends.
///
/// A page that was written since the backup began may be half old and half new: the log has it as a whole, so it need not be right. One
/// that was not is what will be restored.
struct PageCheck {
  /// Where the backup began in the log.
  let start: LogSequenceNumber
  /// Bytes.
  let pageSize: Int
  /// Pages of each of a relation's files.
  let pagesInFile: UInt32
  private(set) var damagedCount = 0
  /// The first damaged ones, for messages.
  private(set) var damaged: [String] = []

  private static let damagedLimit = 5
  /// How often a page is read again that is not right: it may just have been written to.
  private static let patience = 3

  // PageHeaderData of PostgreSQL's `storage/bufpage.h`: pd_lsn, in two halves, pd_checksum, pd_flags, pd_lower, pd_upper.
  private static let (checksum, upper) = (8, 14)

  init(start: LogSequenceNumber, pageSize: Int, pagesInFile: UInt32) {
    self.start = start
    self.pageSize = pageSize
    self.pagesInFile = pagesInFile
  }

  /// - Parameters:
  ///   - bytes: Whole pages. A page that was read while it was written is read again.
  ///   - offset: Where they are in the file.
  /// - Throws: `SystemError`.
  mutating func check(
    _ bytes: UnsafeMutableRawBufferPointer, of file: ServerFile, _ relation: RelationFileName, from offset: UInt64
  ) throws {
    let first = UInt32(truncatingIfNeeded: offset / UInt64(pageSize)) &+ relation.part &* pagesInFile
    for place in stride(from: 0, through: bytes.count - pageSize, by: pageSize) {
      let page = UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + pageSize])
      let number = first &+ UInt32(place / pageSize)
      var isRight = isRight(UnsafeRawBufferPointer(page), number)
      for _ in 0..<Self.patience where !isRight {
        try file.read(from: offset + UInt64(place), into: page)
        isRight = self.isRight(UnsafeRawBufferPointer(page), number)
      }
      guard !isRight else { continue }
      damagedCount += 1
      if damaged.count < Self.damagedLimit { damaged.append("\(file.path), page \(number)") }
    }
  }

  func isRight(_ page: UnsafeRawBufferPointer, _ number: UInt32) -> Bool {
    // A page that nothing was put on yet.
    if page.loadUnaligned(fromByteOffset: Self.upper, as: UInt16.self) == 0 { return true }
    let high = page.loadUnaligned(as: UInt32.self)
    let low = page.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    if LogSequenceNumber(UInt64(high) << 32 | UInt64(low)) >= start { return true }
    return page.loadUnaligned(fromByteOffset: Self.checksum, as: UInt16.self)
      == coffer_page_checksum(page.baseAddress, pageSize, number)
  }
}
