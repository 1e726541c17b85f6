import Glibc

/// An open file descriptor, closed exactly once.
///
/// Every descriptor is opened close-on-exec, so that no child inherits what it was not given.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The number of the descriptor; valid as long as this value lives.
  public let number: Int32

  /// Takes ownership of an open descriptor.
  public init(owning number: Int32) {
    self.number = number
  }

  /// Opens a path; `O_CLOEXEC` is always added.
  ///
  /// - Throws: `SystemError` naming the path.
  public init(opening path: String, flags: Int32, mode: mode_t = 0o600) throws(SystemError) {
    while true {
      let number = path.withCString { Glibc.open($0, flags | O_CLOEXEC, mode) }
      if number >= 0 {
        self.number = number
        return
      }
      guard errno == EINTR else { throw SystemError(call: "open", subject: path) }
    }
  }

  deinit {
    _ = Glibc.close(number)
  }

  /// Gives the descriptor away; the caller closes it.
  public consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Closes the descriptor and reports what `deinit` would have to swallow.
  ///
  /// - Throws: `SystemError` with `subject` as its subject.
  public consuming func close(subject: String) throws(SystemError) {
    let number = release()
    guard Glibc.close(number) == 0 else { throw SystemError(call: "close", subject: subject) }
  }

  /// Reads up to the buffer's size, retrying interrupted calls.
  ///
  /// - Returns: The number of bytes read; 0 at the end of the file.
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func read(into buffer: UnsafeMutableRawBufferPointer, subject: String) throws(SystemError)
    -> Int
  {
    try Self.read(into: buffer, from: number, subject: subject)
  }

  /// Reads from a place of a file until the buffer is full, or the file ends; where it is read on is left as it is.
  ///
  /// - Returns: The number of bytes read; less than the buffer's size at the end of the file only.
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from offset: UInt64, subject: String
  ) throws(SystemError) -> Int {
    var filled = 0
    while filled < buffer.count {
      guard let place = off_t(exactly: offset)?.addingReportingOverflow(off_t(filled)), !place.overflow else {
        throw SystemError(call: "read", subject: subject, code: EOVERFLOW)
      }
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let count = pread(number, rest.baseAddress, rest.count, place.partialValue)
      if count == 0 { break }
      if count > 0 {
        filled += count
      } else if errno != EINTR {
        throw SystemError(call: "read", subject: subject)
      }
    }
    return filled
  }

  /// Takes all that is in a file away, and goes back to its beginning.
  ///
  /// - Throws: `SystemError`.
  public borrowing func empty(subject: String) throws(SystemError) {
    guard ftruncate(number, 0) == 0, lseek(number, 0, SEEK_SET) == 0 else {
      throw SystemError(call: "ftruncate", subject: subject)
    }
  }

  /// The same for a descriptor that nobody here owns.
  public static func read(
    into buffer: UnsafeMutableRawBufferPointer, from number: Int32, subject: String
  ) throws(SystemError) -> Int {
    while true {
      let count = Glibc.read(number, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw SystemError(call: "read", subject: subject) }
    }
  }

  /// Writes all bytes, retrying interrupted and partial writes.
  ///
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func writeAll(_ bytes: UnsafeRawBufferPointer, subject: String) throws(SystemError) {
    try Self.writeAll(bytes, to: number, subject: subject)
  }

  /// The same for a descriptor that nobody here owns.
  public static func writeAll(
    _ bytes: UnsafeRawBufferPointer, to number: Int32, subject: String
  ) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(number, rest.baseAddress, rest.count)
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if count < 0 && errno != EINTR {
        throw SystemError(call: "write", subject: subject)
      }
    }
  }

  /// Writes pieces one behind the other, as many as possible with one call.
  ///
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func writeAll(pieces: [UnsafeRawBufferPointer], subject: String) throws(SystemError) {
    var rest = pieces[...]
    while !rest.isEmpty {
      let vectors = rest.prefix(Self.vectorLimit).map {
        iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
      }
      let count = writev(number, vectors, Int32(vectors.count))
      if count >= 0 {
        rest = Self.rest(of: rest, behind: count)
      } else if errno != EINTR {
        throw SystemError(call: "write", subject: subject)
      }
    }
  }

  /// Pieces that one call takes: IOV_MAX of Linux.
  private static let vectorLimit = 1024

  /// Returns what is left of pieces when so many bytes of them were written; empty ones that come next are not.
  static func rest(
    of pieces: ArraySlice<UnsafeRawBufferPointer>, behind count: Int
  ) -> ArraySlice<UnsafeRawBufferPointer> {
    var (rest, left) = (pieces, count)
    while let first = rest.first, first.count <= left {
      left -= first.count
      rest.removeFirst()
    }
    if left > 0 { rest[rest.startIndex] = UnsafeRawBufferPointer(rebasing: rest[rest.startIndex][left...]) }
    return rest
  }

  /// The facts that `fstat` gives.
  ///
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func status(subject: String) throws(SystemError) -> stat {
    var result = stat()
    guard fstat(number, &result) == 0 else { throw SystemError(call: "fstat", subject: subject) }
    return result
  }
}

extension FileDescriptor {
  /// Reads to the end.
  ///
  /// - Parameter limit: In bytes; more is an error, EFBIG.
  /// - Throws: `SystemError` with `subject` as its subject.
  public borrowing func readAll(limit: Int, subject: String) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: min(limit + 1, 1 << 16))
    while true {
      let number = number
      let count = piece.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress, $0.count) }
      if count < 0 {
        guard errno == EINTR else { throw SystemError(call: "read", subject: subject) }
        continue
      }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else { throw SystemError(call: "read", subject: subject, code: EFBIG) }
      bytes += piece[..<count]
    }
  }
}
