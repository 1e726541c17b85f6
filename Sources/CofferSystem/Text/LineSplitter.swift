import Glibc

/// Cuts bytes that come in pieces into lines. It belongs to one stream.
///
/// It is an object, so that a value that holds it may change while it is called back with a line.
public final class LineSplitter {
  private var pending: [UInt8] = []

  private static let newline = UInt8(ascii: "\n")

  public init() {}

  /// Takes the next bytes and gives out every line that is complete, with its newline.
  public func feed(
    _ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var rest = bytes
    if !pending.isEmpty {
      guard let end = rest.firstIndex(of: Self.newline) else {
        pending.append(contentsOf: rest)
        return
      }
      pending.append(contentsOf: rest[...end])
      rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
      let line = pending
      pending = []
      try line.withUnsafeBytes { try emit($0) }
    }
    while let base = rest.baseAddress, let found = memchr(base, Int32(Self.newline), rest.count) {
      // Between 1 and the count: `found` lies within `rest`.
      let length = found - UnsafeMutableRawPointer(mutating: base) + 1
      try emit(UnsafeRawBufferPointer(rebasing: rest[..<length]))
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    pending.append(contentsOf: rest)
  }

  /// Gives out what came after the last newline.
  public func finish(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
    let line = pending
    pending = []
    if !line.isEmpty { try line.withUnsafeBytes { try emit($0) } }
  }
}
