/// A name in a folder: one part of a path. Bytes, because Linux names need not be UTF-8, and two that look alike are
/// two names.
public struct EntryName: Hashable, Sendable, Comparable, ExpressibleByStringInterpolation, CustomStringConvertible {
  public let bytes: [UInt8]

  public init(bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  public init(_ text: String) {
    bytes = Array(text.utf8)
  }

  public init(stringLiteral text: String) {
    self.init(text)
  }

  /// As messages show it; bytes that are no UTF-8 become replacement characters.
  public var description: String { String(decoding: bytes, as: UTF8.self) }

  public static func < (left: EntryName, right: EntryName) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  /// Whether it can only name something in the folder itself: it is neither empty, `.` nor `..`, and holds no `/` and no
  /// NUL.
  public var isOnePart: Bool {
    !bytes.isEmpty && !bytes.elementsEqual(".".utf8) && !bytes.elementsEqual("..".utf8)
      && !bytes.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
  }

  func withCString<Result, Failure: Error>(
    _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let characters = bytes.map { CChar(bitPattern: $0) } + [0]
    return try characters.withUnsafeBufferPointer { buffer throws(Failure) in
      guard let start = buffer.baseAddress else { preconditionFailure("there is at least the NUL") }
      return try body(start)
    }
  }

  /// The names on a way below a folder, as archives write it: with `/` between them, maybe `./` before and `/` behind.
  ///
  /// - Returns: nil for what leads elsewhere, or nowhere.
  public static func path(_ bytes: [UInt8]) -> [EntryName]? {
    var parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    if parts.first?.elementsEqual(".".utf8) == true { parts.removeFirst() }
    let names = parts.map { EntryName(bytes: $0) }
    return names.allSatisfy(\.isOnePart) ? names : nil
  }
}

extension Sequence<EntryName> {
  /// A way below a folder, with `/` between its names, as messages show it.
  public var joined: String { map(\.description).joined(separator: "/") }
}
