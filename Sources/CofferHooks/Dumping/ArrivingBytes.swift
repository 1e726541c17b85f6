import CofferSystem

/// Bytes that come in pieces, from which records are taken as soon as they are whole.
struct ArrivingBytes: Sendable {
  private var buffer: [UInt8] = []
  /// Of the buffer's bytes how many are taken.
  private var used = 0

  /// How many have come and are not taken.
  var count: Int { buffer.count - used }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if used > 0 {
      buffer.removeFirst(used)
      used = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// Makes room for a record, so that it is not copied again and again while it comes.
  mutating func reserve(_ count: Int) {
    buffer.reserveCapacity(used + count)
  }

  /// Calls with what is not taken.
  func look<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[used...])) }
  }

  /// Takes what has come first: not more than there is.
  mutating func take(_ count: Int) -> ArraySlice<UInt8> {
    let bytes = buffer[used..<used + count]
    used += count
    // It may be large, and is held by whoever takes it.
    if used == buffer.count { (buffer, used) = ([], 0) }
    return bytes
  }
}
