import CofferSystem

/// An access control list of Linux's as text, as tar archives have it (acl(5), "LONG TEXT FORM").
enum AccessListText {
  /// - Parameter bytes: An attribute's value, as linux/posix_acl_xattr.h has it: version 2 (4 bytes), then of each entry tag (2),
  ///   rights (2) and id (4).
  /// - Returns: Entries parted by commas, users and groups by their numbers; nil when it is none.
  static func text(_ bytes: [UInt8]) -> String? {
    guard bytes.count >= 4, bytes.count % 8 == 4, bytes.starts(with: [2, 0, 0, 0]) else { return nil }
    var entries: [String] = []
    for start in stride(from: 4, to: bytes.count, by: 8) {
      let tag = Int(bytes[start]) | Int(bytes[start + 1]) << 8
      let rights = bytes[start + 2]
      let id = (4..<8).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[start + $1]) }
      guard bytes[start + 3] == 0, rights <= 7, let title = title(tag, id) else { return nil }
      entries.append(
        title + (rights & 4 != 0 ? "r" : "-") + (rights & 2 != 0 ? "w" : "-") + (rights & 1 != 0 ? "x" : "-"))
    }
    return entries.joined(separator: ",")
  }

  private static func title(_ tag: Int, _ id: UInt32) -> String? {
    switch tag {
    case 0x01: "user::"
    case 0x02: "user:\(id):"
    case 0x04: "group::"
    case 0x08: "group:\(id):"
    case 0x10: "mask::"
    case 0x20: "other::"
    default: nil
    }
  }
}
