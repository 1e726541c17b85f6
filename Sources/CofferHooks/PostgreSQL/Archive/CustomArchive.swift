import CofferSystem

/// What is known of pg_dump's custom format from outside.
enum CustomArchive {
  static let magic = Array("PGDMP".utf8)

  /// The newest minor version of format 1 whose end is known: that of PostgreSQL 17 and 18.
  private static let newestKnown: UInt8 = 16

  /// Returns what a dump lacks of its marks; nil when it has them.
  ///
  /// The format has no end mark as such. But written to a pipe, it ends either with a block of data, whose last integer is
  /// zero (a sign and four bytes), or with the table of contents, whose last offset is (eight bytes): in any case with
  /// five zero bytes (pg_backup_custom.c, _EndData, _EndBlobs and _WriteExtraToc).
  static func missing(head: [UInt8], tail: [UInt8]) -> String? {
    guard head.starts(with: magic), head.count > magic.count + 2 else { return "it does not begin with PGDMP" }
    let (major, minor) = (head[magic.count], head[magic.count + 1])
    guard major == 1, minor <= newestKnown else { return nil }
    return tail.suffix(5).elementsEqual([0, 0, 0, 0, 0]) ? nil : "its last block is cut short"
  }
}
