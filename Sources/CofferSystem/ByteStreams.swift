/// Bytes that come from somewhere, read by blocking on the calling thread.
public protocol ByteSource: AnyObject {
  /// Reads at least one byte, up to the buffer's size; blocks until there is one.
  ///
  /// - Returns: The number of bytes read; 0 once the stream has ended.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// Bytes that go somewhere, written by blocking on the calling thread.
public protocol ByteSink: AnyObject {
  /// Takes all of the bytes; they are not kept after the call returns.
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Takes all of the pieces, in their order: the same as one by one, and cheaper where each is a call of the system.
  func write(pieces: [UnsafeRawBufferPointer]) throws
}

extension ByteSink {
  public func write(pieces: [UnsafeRawBufferPointer]) throws {
    for piece in pieces { try write(piece) }
  }
}

/// A source over bytes in memory.
public final class MemorySource: ByteSource {
  private let bytes: [UInt8]
  private var position = 0

  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, bytes.count - position)
    bytes.withUnsafeBytes { all in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[position..<position + count]))
    }
    position += count
    return count
  }
}

/// A sink that gathers all bytes in memory.
public final class MemorySink: ByteSink {
  public private(set) var bytes: [UInt8] = []

  /// - Parameter expected: Bytes for which room is made beforehand.
  public init(expecting expected: Int = 0) {
    bytes.reserveCapacity(expected)
  }

  public func write(_ bytes: UnsafeRawBufferPointer) {
    self.bytes.append(contentsOf: bytes)
  }
}

/// A sink that keeps nothing, for bytes that are only to be read.
public final class DiscardingSink: ByteSink {
  public init() {}

  public func write(_ bytes: UnsafeRawBufferPointer) {}
}
