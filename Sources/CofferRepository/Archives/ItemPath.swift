/// A path inside an archive: bytes as the file system has them, relative, without a leading slash.
///
/// Linux paths need not be UTF-8; `text` is for showing, `bytes` for acting.
public struct ItemPath: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let bytes: [UInt8]

  public init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  public init(_ text: String) {
    bytes = Array(text.utf8)
  }

  /// The path as text; bytes that are no UTF-8 are shown as replacement characters.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether `text` says all of it.
  public var isText: Bool { text.utf8.elementsEqual(bytes) }

  public var description: String { text }

  public static func < (left: ItemPath, right: ItemPath) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}
