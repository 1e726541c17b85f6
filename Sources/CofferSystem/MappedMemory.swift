import Glibc

/// Memory that a file stands behind, or none; whole pages, zeroed where nothing was written.
///
/// Pages of a file can be given up by the system at any time and read again, so that their number does not count as
/// memory that the program holds. A file is mapped only while nobody else knows its name: one that is cut short would end
/// the program.
public final class MappedMemory: @unchecked Sendable {
  // Sound because the owner writes before it shares the memory, and nobody writes after.
  public let bytes: UnsafeMutableRawBufferPointer

  private init(_ bytes: UnsafeMutableRawBufferPointer) {
    self.bytes = bytes
  }

  deinit {
    munmap(bytes.baseAddress, bytes.count)
  }

  /// Memory without a file.
  ///
  /// - Throws: `SystemError`.
  public static func anonymous(size: Int) throws(SystemError) -> MappedMemory {
    try map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, "memory")
  }

  /// Gives a new file this size, to be written through memory.
  ///
  /// - Throws: `SystemError`, also when the disk has no room for it: a page that could not be written later on would
  ///   end the program.
  public static func filling(
    _ file: borrowing FileDescriptor, size: Int, subject: String
  ) throws(SystemError) -> MappedMemory {
    let code = posix_fallocate(file.number, 0, off_t(size))
    guard code == 0 else { throw SystemError(call: "posix_fallocate", subject: subject, code: code) }
    return try map(size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, subject)
  }

  /// Asks the system to keep memory without a file out of its swap space and out of crash reports. What it refuses, for the
  /// limit of locked memory, stays as it is.
  public func keepFromDisk() {
    mlock(bytes.baseAddress, bytes.count)
    madvise(bytes.baseAddress, bytes.count, Int32(MADV_DONTDUMP))
  }

  /// Writes what was changed to the file and waits for it.
  ///
  /// - Throws: `SystemError`.
  public func synchronize(subject: String) throws(SystemError) {
    guard msync(bytes.baseAddress, bytes.count, MS_SYNC) == 0 else {
      throw SystemError(call: "msync", subject: subject)
    }
  }

  private static func map(
    _ size: Int, _ protection: Int32, _ flags: Int32, _ file: Int32, _ subject: String
  ) throws(SystemError) -> MappedMemory {
    guard let start = mmap(nil, size, protection, flags, file, 0), start != MAP_FAILED else {
      throw SystemError(call: "mmap", subject: subject)
    }
    return MappedMemory(UnsafeMutableRawBufferPointer(start: start, count: size))
  }
}
